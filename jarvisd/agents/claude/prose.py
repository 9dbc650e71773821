"""What a text in a user line is: a prompt, a command, or something injected.

Claude Code puts much into the user's mouth: reminders, notices, output of local
commands. None of that is a prompt. The marks are those of versions 2.0 to 2.1.
"""

import re
from collections.abc import Iterator

from jarvisd.core.event import CommandGiven, Event, Instructed, Interrupted, TaskEnded

_COMMAND_TAG = re.compile(r"<command-name>\s*/?([A-Za-z][\w:.-]*)\s*</command-name>")
_LEGACY_COMMAND = re.compile(r"/([A-Za-z][\w:-]*)(?:\s|$)")
"""The whole first word is the command, so no path is one."""

_LEADING_BLOCK = re.compile(
    r"\s*<(system-reminder|ide_opened_file|ide_selection)>.*?</\1>", re.DOTALL
)
_TASK_ID = re.compile(r"<task-id>\s*([^<\s]+)\s*</task-id>")
_TASK_STATUS = re.compile(r"<status>\s*([a-z]+)\s*</status>")

_FEEDBACK = "Stop hook feedback:"
_LOCAL = ("Caveat: The messages below", "<local-command-")
_INTERRUPT = "[Request interrupted"
_TASK = "<task-notification>"
_AGENTS = ("<teammate-message", "<cross-session-message")
"""How words of other agents begin."""

_INJECTED = (
    "This session is being continued",
    _FEEDBACK,
    *_LOCAL,
    "<bash-",
    "<command-",
    _INTERRUPT,
    _TASK,
    *_AGENTS,
)
_HEAD_CHARS = 2_000
"""How far into a text a closed reminder or a tag is looked for in one go."""


def own_words(text: str) -> str:
    """Return the part of *text* that a person wrote; "" if a program wrote all of it."""
    text = text.lstrip("\ufeff \t\r\n")
    while (block := _LEADING_BLOCK.match(text)) is not None:
        text = text[block.end() :].lstrip()

    return "" if text.startswith(_INJECTED) else text


def command_in(text: str) -> str | None:
    """Return the slash command that *text* is, without the slash."""
    tag = _COMMAND_TAG.search(text) if "<command-name>" in text else None
    if tag is not None:
        return tag.group(1)

    legacy = _LEGACY_COMMAND.match(text.lstrip()[:_HEAD_CHARS])
    return None if legacy is None else legacy.group(1)


def notices_in(text: str) -> Iterator[Event]:
    """Yield the events that *text*, which is no prompt, reports."""
    start = text.lstrip("\ufeff \t\r\n")
    command = command_in(start)
    if command is not None:
        yield CommandGiven(name=command)
    elif start.startswith(_INTERRUPT):
        yield Interrupted(reason="tool" if "for tool use" in start[:80] else "user")
    elif start.startswith(_TASK):
        yield from _task_ended(start)
    elif start.startswith(_AGENTS):
        yield Instructed(by_agent=True)


def instructions_in(text: str) -> Iterator[Event]:
    """Whether *text*, which the agent was given unseen, is for it to act upon."""
    start = text.lstrip("\ufeff \t\r\n")
    if not start.startswith(_LOCAL):
        yield Instructed(by_hook=start.startswith(_FEEDBACK))


def _task_ended(text: str) -> Iterator[Event]:
    task, status = _TASK_ID.search(text), _TASK_STATUS.search(text)
    if task is not None and status is not None:
        yield TaskEnded(task_id=task.group(1), status=status.group(1))
