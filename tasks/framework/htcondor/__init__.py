"""Running workflows on HTCondor: no job lost, none run twice at a time."""

from tasks.framework.htcondor.description import Resources
from tasks.framework.htcondor.workflow import HTCondorWorkflow

__all__ = ["HTCondorWorkflow", "Resources"]
