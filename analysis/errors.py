"""The one exception for what a user got wrong."""


class AnalysisError(Exception):
    """A user's mistake, told in one line: what, where it stands, what would be right.

    Commands and tasks print the message without a traceback and exit non-zero; everything else
    that is raised is a defect and keeps its traceback.
    """
