"""What ended a message of opencode before its end: a person, or an error."""

from jarvisd.agents.opencode.shape import Failure
from jarvisd.core.event import ApiFailed, Interrupted, Trouble

_ABORTED = "MessageAbortedError"
_NOT_OF_THE_PROVIDER = frozenset({"MessageOutputLengthError", "StructuredOutputError"})
_LOGGED_OUT = frozenset({"ProviderAuthError"})
_STATUSES = {401: Trouble.LOGGED_OUT, 402: Trouble.BILLING, 403: Trouble.LOGGED_OUT}


def failure_of(error: Failure) -> Interrupted | ApiFailed:
    """Return the event for the *error* of a message."""
    if error.name == _ABORTED:
        return Interrupted(reason="user")

    status = error.data.status if error.data is not None else None
    if error.name in _NOT_OF_THE_PROVIDER:
        trouble = None
    elif error.name in _LOGGED_OUT:
        trouble = Trouble.LOGGED_OUT
    else:
        trouble = _STATUSES.get(status or 0, Trouble.API_ERROR)

    return ApiFailed(error=error.name, status=status, trouble=trouble)
