"""Why a database cannot be read, now or at all."""


class TornError(Exception):
    """The database changed while it was read, or is in the middle of a change."""


class RestlessError(Exception):
    """No committed state could be read as a whole while its owner wrote."""


class NotADatabaseError(Exception):
    """The file cannot be read as a database. The message is the reason."""


class DefectError(Exception):
    """SQLite refuses the database: corrupt, encrypted, or of another shape."""


class RowError(Exception):
    """One row cannot be read: its page is corrupt, it is too big or no text."""


class UnknownVersionError(Exception):
    """The database lacks tables or columns that the queries need."""
