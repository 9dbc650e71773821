"""What Claude Code leaves beside its transcripts: the registry of living processes.

ROOT/sessions/PID.json is made when a process starts, written anew in place (truncated,
then written, without a newline) whenever its status or session changes, and removed
when it ends in order; after SIGKILL it stays. `/clear` changes its session. It is the
only place where a wait for approval shows. The first entry of a process says no status, and
names a session of its own also if an older one is then continued or resumed. Older versions left `pid-PID.json`, which
nobody removes; keys beside the files are for the agent's own socket.

Measured on version 2.1.329.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import msgspec

from jarvisd.agents._shared.decode import decode, unix_ms
from jarvisd.agents._shared.numbers import Pid, Time, WholeTime
from jarvisd.agents._shared.presence import command_of, name_of, session_id_of
from jarvisd.core.presence_evidence import Evidence, Registry, RegistryEntry
from jarvisd.core.process import ProcessRole

_NAME = re.compile(r"([1-9][0-9]{0,9})\.json", re.ASCII)
_PACKAGE = "/@anthropic-ai/claude-code/"
_VERSIONS = "/claude/versions/"
"""Where the installer puts programs whose names are bare version numbers."""

_SERVERS = {"mcp"}
_MAX_WORD = 64
_MAX_PATH = 4096


class _Line(msgspec.Struct, gc=False, rename="camel"):
    pid: Pid = 0
    session_id: str | None = None
    cwd: str | None = None
    proc_start: str | WholeTime | None = None
    pid_domain: str | None = None
    status: str | None = None
    waiting_for: str | None = None
    started_at: Time | None = None
    updated_at: Time | None = None
    status_updated_at: Time | None = None


_DECODER = msgspec.json.Decoder(_Line)


def folder(root: Path) -> Path | None:
    """Return the registry beside a projects folder."""
    return root.parent / "sessions" if root.name == "projects" else None


def pid_of(name: str) -> int | None:
    """Return the process whose entry the file *name* is."""
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else None


def decode_entry(text: bytes) -> RegistryEntry | None:
    """Return the entry in the file; None if it is unfinished or no entry."""
    line = decode(text, _DECODER)
    session_id = session_id_of(line.session_id) if line else None
    if line is None or session_id is None or line.pid <= 0:
        return None

    started_ms, updated_ms = unix_ms(line.started_at), unix_ms(line.updated_at)
    written_ms = updated_ms or started_ms
    return RegistryEntry(
        pid=line.pid,
        session_id=session_id,
        status=_word(line.status),
        waiting_for=_word(line.waiting_for),
        at_ms=unix_ms(line.status_updated_at) or written_ms,
        written_ms=written_ms,
        cwd=line.cwd if line.cwd and len(line.cwd) <= _MAX_PATH else None,
        start=None if line.proc_start is None else str(line.proc_start),
        namespace=_namespace(line.pid_domain),
        is_provisional=line.status is None
        and updated_ms is None
        and started_ms is not None,
    )


def role(argv: Sequence[str]) -> ProcessRole | None:
    """Return the role of the process with *argv*, or None if it is not Claude Code."""
    program, arguments = command_of(argv)
    if not _is_claude(program):
        return None

    if arguments and arguments[0] in _SERVERS:
        return ProcessRole.SERVES

    printing = "-p" in arguments or "--print" in arguments
    return (
        ProcessRole.ONCE if printing and not _is_fed(arguments) else ProcessRole.TALKS
    )


EVIDENCE = Evidence(
    role=role, registry=Registry(folder=folder, pid_of=pid_of, decode=decode_entry)
)


def _is_claude(program: str) -> bool:
    return name_of(program) == "claude" or _PACKAGE in program or _VERSIONS in program


def _is_fed(arguments: Sequence[str]) -> bool:
    """Whether prompts come over standard input, one after the other."""
    return "--input-format=stream-json" in arguments or any(
        pair == ("--input-format", "stream-json") for pair in pairwise(arguments)
    )


def _word(text: str | None) -> str | None:
    return text if text and len(text) <= _MAX_WORD and text.isprintable() else None


def _namespace(domain: str | None) -> str | None:
    """Return the last part of "linux:MACHINE:pid:[NUMBER]"."""
    _, found, number = (domain or "").partition(":pid:")
    return f"pid:{number}" if found else None
