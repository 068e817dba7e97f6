"""What a statistical model says: the functions and results that tasks and notebooks use."""

from analysis.limits import Limits, Scan, upper_limits

__all__ = ["Limits", "Scan", "upper_limits"]
