"""What a statistical model says: fits, limits and all that follows from a likelihood."""

from analysis.inference.limits import upper_limits
from analysis.inference.prediction import Prediction, join, predict
from analysis.inference.results import Limits, Scan, limits_from_dict

__all__ = ["Limits", "Prediction", "Scan", "join", "limits_from_dict", "predict", "upper_limits"]
