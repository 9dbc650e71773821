"""The errors of jarvisd, by their effect, which decides where they are caught.

    JarvisError (code)
      ConfigError              the daemon does not start                   exit 2
      AlreadyRunningError      the second daemon does not start            exit 75
      SocketInUseError         the daemon does not start                   exit 75
      RuntimeFolderError       the daemon does not start                   exit 77
      SourceError              that block is marked failed; the others continue
      StoreError               counting continues in memory; health is degraded
        StoreBusyError         the flush is retried
        StoreUnansweredError   the same transaction is retried until it is answered
        StoreTooNewError       systemd does not restart the daemon         exit 78
        StoreForeignError      systemd does not restart the daemon         exit 78
      SinkError                that sink pauses and retries; the others continue
      ProtocolError            that request is refused; the connection stays open
      DaemonUnreachableError   the client prints how to start the daemon   exit 4

Pass facts to the constructors; they build the message, with a remedy if there is one.
"""

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pathlib import Path  # a tenth of what a command may take

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_NO_SUCH_BLOCK = 3
EXIT_NO_DAEMON = 4
EXIT_PROTOCOL = 5
EXIT_BUDGET_WARNED = 10
EXIT_ALREADY_RUNNING = 75
EXIT_RUNTIME_FOLDER = 77
EXIT_STORE_TOO_NEW = 78
EXIT_TIMEOUT = 124
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143

ERROR_NUMBERS = {
    "parse_error": -32700,
    "too_deep": -32700,
    "invalid_request": -32600,
    "batch_too_large": -32600,
    "unknown_method": -32601,
    "invalid_params": -32602,
    "unknown_agent": -32602,
    "internal": -32603,
    "not_ready": -32000,
    "busy": -32001,
    "timeout": -32002,
    "cursor_expired": -32003,
    "storage_degraded": -32004,
    "unknown_block": -32005,
    "ambiguous_block": -32005,
    "unknown_session": -32005,
    "ambiguous_session": -32005,
    "unknown_subscription": -32005,
    "unknown_conversation": -32005,
    "unknown_project": -32005,
    "too_large": -32006,
    "protocol_mismatch": -32007,
    "source_unreadable": -32008,
    "not_replayable": -32008,
    "config_invalid": -32009,
    "channel_taken": -32010,
}
"""Every `error.data.kind` and the `error.code` it comes with."""


class JarvisError(Exception):
    """The base of all errors that jarvisd raises on purpose."""

    code: ClassVar[str] = "internal"
    exit_status: ClassVar[int] = EXIT_FAILURE


class ConfigError(JarvisError):
    """The configuration is invalid; the message names file, key and remedy."""

    code = "config"
    exit_status = EXIT_USAGE


class AlreadyRunningError(JarvisError):
    """Another daemon of this user holds the lock."""

    code = "already_running"
    exit_status = EXIT_ALREADY_RUNNING

    def __init__(self, lock: "Path", *, pid: int | None) -> None:
        holder = f"process {pid}" if pid else "another process"
        super().__init__(
            f"jarvisd is already running: {holder} holds {lock}. "
            "Ask it with `jarvisctl health`, or stop it first."
        )
        self.pid = pid


class SocketInUseError(JarvisError):
    """Another program listens on the path of the socket; it was not disturbed."""

    code = "socket_in_use"
    exit_status = EXIT_ALREADY_RUNNING

    def __init__(self, socket: "Path") -> None:
        super().__init__(
            f"another program listens on {socket}, and it was left alone. "
            "Stop that program (systemd's is `jarvisd.socket`), or set JARVISD_SOCKET "
            "to another path."
        )
        self.socket = socket


class RuntimeFolderError(JarvisError):
    """The folder of the socket is not private to this user, or not usable."""

    code = "runtime_folder"
    exit_status = EXIT_RUNTIME_FOLDER

    def __init__(self, folder: "Path", reason: str) -> None:
        super().__init__(f"{folder} cannot hold the socket: {reason}")
        self.folder = folder
        self.reason = reason


class SourceError(JarvisError):
    """One source cannot be read now. The message is shown to the user."""

    code = "source"

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class StoreError(JarvisError):
    """The database failed, or the disk did not answer."""

    code = "store"


class StoreBusyError(StoreError):
    """Another process held the database's lock; nothing was written."""

    code = "store_busy"


class StoreUnansweredError(StoreError):
    """The disk did not answer in time; the transaction may still be committed."""

    code = "store_unanswered"


class StoreTooNewError(StoreError):
    """The database was written by a newer jarvisd."""

    code = "store_too_new"
    exit_status = EXIT_STORE_TOO_NEW

    def __init__(self, path: "Path", *, found: int, known: int) -> None:
        super().__init__(
            f"{path} has schema version {found}; this jarvisd knows up to {known}. "
            "Upgrade jarvisd, or move the file away to start afresh."
        )
        self.path = path
        self.found = found
        self.known = known


class StoreForeignError(StoreError):
    """The file at the database's path is the database of another program."""

    code = "store_foreign"
    exit_status = EXIT_STORE_TOO_NEW

    def __init__(self, path: "Path") -> None:
        super().__init__(
            f"{path} is the database of another program, and is left alone. "
            "Move it away, or give jarvisd another folder."
        )
        self.path = path


class SinkError(JarvisError):
    """A sink did not accept its records; the message is shown to the user."""

    code = "sink"


class ProtocolError(JarvisError):
    """A request that is refused.

    Attributes:
        number: The JSON-RPC error code.
        kind: The name of the error in snake_case, for `error.data.kind`.
        data: Further fields of `error.data`.

    """

    code = "protocol"

    def __init__(
        self, number: int, kind: str, message: str, **data: int | str | None
    ) -> None:
        super().__init__(message)
        self.number = number
        self.kind = kind
        self.data = data


def protocol_error(kind: str, message: str, **data: int | str | None) -> ProtocolError:
    """Return the refusal of this *kind*, one of `ERROR_NUMBERS`."""
    return ProtocolError(ERROR_NUMBERS[kind], kind, message, **data)


class DaemonUnreachableError(JarvisError):
    """No daemon answers on the socket."""

    code = "daemon_unreachable"
    exit_status = EXIT_NO_DAEMON

    def __init__(self, socket: str, reason: str, remedy: str = "") -> None:
        super().__init__(
            f"jarvisd does not answer on {socket} ({reason}). {remedy}".rstrip()
        )
        self.socket = socket
