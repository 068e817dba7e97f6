"""What others need to reuse the result: likelihoods and tables in the field's formats."""

from analysis.publication.hepdata import write_submission
from analysis.publication.likelihoods import background_only, patchset

__all__ = ["background_only", "patchset", "write_submission"]
