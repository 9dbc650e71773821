"""How processes of Qwen Code are recognised.

In a terminal, chats/SESSION.runtime.json beside the session's log names the process that
has it open; it is written aside and renamed, and removed at an end in order.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from jarvisd.agents._shared.decode import decode
from jarvisd.agents._shared.numbers import Pid
from jarvisd.agents._shared.presence import command_of, name_of
from jarvisd.core.presence_evidence import Evidence, SessionFiles
from jarvisd.core.process import ProcessRole

_PACKAGE = "/@qwen-code/qwen-code/"
_ONCE = {"-p", "--prompt"}
_SERVES = {"--acp", "--experimental-acp"}
_COMMANDS = {"mcp", "extensions", "auth", "channel", "hooks"}


def role(argv: Sequence[str]) -> ProcessRole | None:
    """Return the role of the process with *argv*, or None if it is not Qwen Code."""
    program, arguments = command_of(argv)
    if name_of(program) != "qwen" and _PACKAGE not in program:
        return None

    if arguments and arguments[0] in _COMMANDS:
        return None

    if not _SERVES.isdisjoint(arguments):
        return ProcessRole.SERVES

    once = any(each.partition("=")[0] in _ONCE for each in arguments)
    return ProcessRole.ONCE if once else ProcessRole.TALKS


class _Runtime(msgspec.Struct, gc=False):
    pid: Pid = 0


_DECODER = msgspec.json.Decoder(_Runtime)


def names(log: str, _listed: Callable[[], Iterable[str]]) -> Iterable[str]:
    """Return the name of the file beside the session's *log*."""
    return (f"{log.removesuffix('.jsonl')}.runtime.json",)


def pid_of(_name: str, read: Callable[[], bytes]) -> int | None:
    """Return the process that the file names."""
    found = decode(read(), _DECODER)
    return found.pid or None if found else None


EVIDENCE = Evidence(role=role, session_files=SessionFiles(names=names, pid_of=pid_of))
