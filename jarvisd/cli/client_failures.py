"""What goes wrong between a client and the daemon, and which exit status says so."""

from jarvisd.base.errors import (
    EXIT_NO_SUCH_BLOCK,
    EXIT_PROTOCOL,
    EXIT_TIMEOUT,
    EXIT_USAGE,
    DaemonUnreachableError,
    JarvisError,
    ProtocolError,
)

METHOD_NOT_FOUND = -32601

_EXIT_BY_KIND = {
    "unknown_block": EXIT_NO_SUCH_BLOCK,
    "ambiguous_block": EXIT_NO_SUCH_BLOCK,
    "unknown_session": EXIT_NO_SUCH_BLOCK,
    "ambiguous_session": EXIT_NO_SUCH_BLOCK,
    "unknown_conversation": EXIT_NO_SUCH_BLOCK,
    "unknown_project": EXIT_NO_SUCH_BLOCK,
    "unknown_agent": EXIT_USAGE,
    "protocol_mismatch": EXIT_PROTOCOL,
    "timeout": EXIT_TIMEOUT,
}


class ConnectionLostError(DaemonUnreachableError):
    """The daemon was there, and went away in the middle."""


class AnswerTimeoutError(JarvisError):
    """The daemon is there and did not answer in time."""

    code = "timeout"
    exit_status = EXIT_TIMEOUT

    def __init__(self, method: str, timeout_s: float) -> None:
        super().__init__(
            f"jarvisd did not answer `{method}` within {timeout_s:g} s. "
            "`jarvisctl service logs` may tell why."
        )


class UnreadableAnswerError(JarvisError):
    """The answer is none: something else listens there, or a very different version."""

    code = "protocol_mismatch"
    exit_status = EXIT_PROTOCOL

    def __init__(self, method: str, reason: str) -> None:
        super().__init__(
            f"the answer to `{method}` cannot be understood ({reason}). jarvisctl and "
            "jarvisd differ in version; restart the daemon after an upgrade."
        )


def exit_status(error: JarvisError) -> int:
    """Return the status that *error* ends the process with."""
    if isinstance(error, ProtocolError):
        if error.number == METHOD_NOT_FOUND:
            return EXIT_PROTOCOL

        return _EXIT_BY_KIND.get(error.kind, error.exit_status)

    return error.exit_status


def explain(error: JarvisError) -> str:
    """Return the message that explains *error* to the user."""
    match error:
        case ProtocolError(number=number) if number == METHOD_NOT_FOUND:
            return (
                f"{error}: this jarvisd is too old for it; restart it after an upgrade"
            )
        case _:
            return str(error)
