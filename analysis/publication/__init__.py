"""What others need to reuse the result: likelihoods and tables in the field's formats."""

from analysis.publication.hepdata import write_submission
from analysis.publication.likelihoods import background_only, patchset
from analysis.publication.record import Publication, publish

__all__ = ["Publication", "background_only", "patchset", "publish", "write_submission"]
