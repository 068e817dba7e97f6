"""What a statistical model says: the functions and results that tasks and notebooks use."""

from analysis.limits import Limits, Scan, limits_from_dict, upper_limits

__all__ = ["Limits", "Scan", "limits_from_dict", "upper_limits"]
