"""The synthetic ZH -> llbb sample: toy events in the layout of a real file, labelled as such."""

from analysis.synthetic.writing import write_synthetic_file

__all__ = ["write_synthetic_file"]
