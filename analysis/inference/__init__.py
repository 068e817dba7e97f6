"""What a statistical model says: fits, limits and all that follows from a likelihood."""

from analysis.inference.limits import Limits, Scan, limits_from_dict, upper_limits
from analysis.inference.prediction import Prediction, predict

__all__ = ["Limits", "Prediction", "Scan", "limits_from_dict", "predict", "upper_limits"]
