"""Going to the terminal of a session: its pane in tmux, else by the user's command."""

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jarvisd import config
from jarvisd.base.errors import EXIT_FAILURE, JarvisError
from jarvisd.cli import naming, process_info, tmux
from jarvisd.cli.daemon_client import Client
from jarvisd.cli.output import state_words, terminal
from jarvisd.cli.output.titles import Named, called, of_session
from jarvisd.cli.templates import fill
from jarvisd.state.wire import LiveSession, StatesList, StatesListResult

VARIABLE = "JARVISD_JUMP"
LIMIT_S = 10.0


class NowhereError(JarvisError):
    """There is no terminal to go to."""

    code = "nowhere_to_go"
    exit_status = EXIT_FAILURE


class JumpTarget(NamedTuple):
    """Whose terminal is wanted, and the process that runs in it."""

    agent: str
    session_id: str
    name: str
    pid: int
    cwd: str | None = None


def target_of(client: Client, name: str) -> JumpTarget:
    """Return the session that *name* means, by the process that runs it.

    Raises:
        UnknownNameError: There is none, or it is a block of no session.
        AmbiguousNameError: There are several.
        NowhereError: No process of it is known.

    """
    found = naming.resolve(client, name)
    session_id = naming.session_of(found, name)
    answer = client.call(StatesList(agent=found.agent, over=True), StatesListResult)
    known = {each.session_id: each for each in answer.sessions}
    # A subagent has no process of its own.
    session = known.get(session_id)
    while session is not None and session.state.pid is None:
        parent_id = session.parent_session_id
        session = None if parent_id is None else known.get(parent_id)

    if session is None or session.state.pid is None:
        named = Named(found.agent, session_id, found.title, found.project)
        raise no_process(found.agent, called(named))

    return target(session, session.state.pid)


def most_urgent(client: Client) -> JumpTarget:
    """Return the first of `next` that has a process.

    Raises:
        NowhereError: Nobody needs anybody, or none has a process.

    """
    answer = client.call(StatesList(), StatesListResult)
    found = state_words.in_need(answer.sessions)
    for each in found:
        if each.state.pid is not None:
            return target(each, each.state.pid)

    if not found:
        raise NowhereError(state_words.NOBODY)

    first = found[0]
    raise no_process(first.agent, called(of_session(first)))


def target(session: LiveSession, pid: int) -> JumpTarget:
    """Return *session*, which runs in the process *pid*, as a place to go to."""
    name = called(of_session(session))
    return JumpTarget(session.agent, session.session_id, name, pid, session.cwd)


def jump(
    wanted: JumpTarget, environ: Mapping[str, str], *, client: str | None = None
) -> None:
    """Jump to the terminal of *wanted*; *client* is the tmux client to switch.

    Raises:
        NowhereError: It is in no pane, and there is no command for other terminals.
        TmuxError: tmux refused.
        ConfigError: The configuration cannot be read.

    """
    pane = tmux.pane_of(wanted.pid, environ)
    if pane is not None:
        _show(pane, environ, client)
        return

    command = _command(environ)
    if not command:
        raise NowhereError(_no_pane(wanted))

    _run(command, wanted)


def where(wanted: JumpTarget, environ: Mapping[str, str]) -> str:
    """Return where *wanted* is, for people."""
    pane = tmux.pane_of(wanted.pid, environ)
    if pane is not None:
        return f"tmux {pane.name} ({pane.id}), process {wanted.pid}"

    tty = process_info.terminal_of(wanted.pid) or "no terminal"
    return f"{tty}, process {wanted.pid}"


def _show(pane: tmux.Pane, environ: Mapping[str, str], client: str | None) -> None:
    own = tmux.own_server(environ)
    if client is not None or own == pane.server:
        pane.server.switch(pane, client)
        return

    pane.server.select(pane)
    attach = ["tmux", *_socket_of(pane.server), "attach-session", "-t", pane.session]
    if own is None and terminal.is_terminal(sys.stdin) and terminal.columns():
        os.execvp(attach[0], attach)  # noqa: S606 - we become it

    raise NowhereError(
        f"{pane.name} is selected in another terminal: {shlex.join(attach)}"
    )


def _socket_of(server: tmux.TmuxServer) -> list[str]:
    return ["-S", server.socket] if server.socket else []


def _command(environ: Mapping[str, str]) -> Sequence[str]:
    command = environ.get(VARIABLE, "")
    return shlex.split(command) if command else config.read([], environ).jump


def _run(command: Sequence[str], wanted: JumpTarget) -> None:
    facts = {
        "pid": wanted.pid,
        "tty": process_info.terminal_of(wanted.pid) or "",
        "agent": wanted.agent,
        "session_id": wanted.session_id,
        "cwd": wanted.cwd or "",
    }
    words = fill(command, facts)
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, timeout=LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise NowhereError(f"{shlex.join(words)}: {exc}") from exc

    if done.returncode:
        raise NowhereError(f"{shlex.join(words)} ended with {done.returncode}")


def no_process(agent: str, name: str) -> NowhereError:
    """Return why nobody can go to the session that is called *name*."""
    return NowhereError(
        f"no process of {agent} is known that works on `{name}`: it may have ended, or "
        "several terminals may have it open, and nothing tells which"
    )


def _no_pane(wanted: JumpTarget) -> str:
    tty = process_info.terminal_of(wanted.pid)
    place = f"runs on {tty}" if tty else "has no terminal"
    return (
        f"{wanted.agent} on {wanted.name} (process {wanted.pid}) {place}, which is no "
        "pane of tmux. `jump` in the configuration can name a command for other terminals."
    )
