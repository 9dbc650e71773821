"""Why a figure may be missing from the table."""


class RigError(Exception):
    """The measurement failed: the daemon did not start, or lines were lost."""


class SkippedError(Exception):
    """Something that the figure needs is not on this machine."""
