"""Workflows: one task, many branches, whose completeness is one listing per directory."""

import law

from tasks.framework.base import AnalysisTask


class Workflow(AnalysisTask, law.LocalWorkflow):
    """A task of many branches; without further options they run on this machine."""

    exclude_index = True
    output_collection_cls = law.NestedSiblingFileCollection
    # law's other way remembers in the process which workflows have yielded their branches, so that
    # a second run from the same notebook would do nothing and fail
    local_workflow_require_branches = True
