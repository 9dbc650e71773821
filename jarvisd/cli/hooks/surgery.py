"""Our hooks put into the text of a settings file, and taken out of it again.

Both agents have the same form: `hooks` is an object of events, an event an array of
groups, a group an object whose own `hooks` is an array of commands. We always add a
group of our own, after the user's, because Codex remembers by number which it trusts.

Pure functions of text. What is not ours stays as it is, to the byte; what we put in
looks like the rest of the file.
"""

import json
import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

from jarvisd.cli.hooks.spans import ChildNode, Node, check, node, root, value_of

HOOKS = "hooks"
INDENT = "  "

_OURS = re.compile(
    r"""(?: (?:\S*/)?jarvisctl | '.*/jarvisctl'
          | (?:\S+|'.+')[ ]-m[ ]jarvisd\.cli(?:ent)?\.main )
        [ ]hook[ ][a-z0-9]+ (?:[ ]>/dev/null[ ]2>&1[ ]\|\|[ ]true)?""",
    re.VERBOSE,
)
"""The commands that we write or wrote, wherever jarvisctl lay. A command of the user's
that only runs ours among others is theirs."""


class ShapeError(ValueError):
    """A text is JSON, and not what an agent reads; the message says what."""


def is_ours(command: object) -> bool:
    """Whether *command* is one that we wrote."""
    return isinstance(command, str) and _OURS.fullmatch(command) is not None


def with_hooks(text: str, wanted: Mapping[str, Mapping[str, object]]) -> str:
    """Return *text* with the command *wanted* for each event, and no other of ours.

    A command of ours that is there already stays where it is, and only gets the
    path of today.

    Raises:
        ValueError: The text is not JSON (`NotJsonError`) or of another shape
            (`ShapeError`).

    """
    if not text.strip():
        groups = {event: [_group(command)] for event, command in wanted.items()}
        return json.dumps({HOOKS: groups}, indent=INDENT) + "\n"

    _check_shape(text)
    text = _cleared(text, kept=wanted)
    for event, command in wanted.items():
        text = _with_one(text, event, command)

    return text


def without_hooks(text: str) -> str:
    """Return *text* without any command of ours, and without what that leaves empty.

    Raises:
        ValueError: As `with_hooks`.

    """
    if not text.strip():
        return text

    _check_shape(text)
    return _cleared(text)


def commands(text: str) -> dict[str, str]:
    """Return our command by event; the first where there are several.

    Raises:
        ValueError: As `with_hooks`.

    """
    if not text.strip():
        return {}

    _check_shape(text)
    found: dict[str, str] = {}
    for place in _ours(text):
        found.setdefault(place.event, place.command)

    return found


def _group(command: Mapping[str, object]) -> dict[str, object]:
    return {HOOKS: [command]}


def _check_shape(text: str) -> None:
    whole = check(text)
    if not isinstance(whole, dict):
        raise ShapeError("it is no JSON object")

    events = whole.get(HOOKS, {})
    if not isinstance(events, dict):
        raise ShapeError("its `hooks` is no object")

    for event, groups in events.items():
        if not isinstance(groups, list):
            raise ShapeError(f"its `hooks.{event}` is no array")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a command of ours lies: in which list of which group of which event."""

    event: str
    command: str
    whole: Node
    events: Node
    groups: Node
    handlers: Node
    path: tuple[ChildNode, ChildNode, ChildNode, ChildNode]
    """`hooks`, the event, the group and the command itself."""


def _ours(text: str) -> Iterator[_Place]:
    whole = root(text)
    hooks = whole.member(HOOKS)
    events = node(text, hooks, "{")
    if hooks is None or events is None:
        return

    for event in events.children:
        groups = node(text, event, "[")
        for group in groups.children if groups else ():
            inner = node(text, group, "{")
            handlers = node(text, inner.member(HOOKS) if inner else None, "[")
            for handler in handlers.children if handlers else ():
                command = _command_of(text, handler)
                if groups and handlers and is_ours(command):
                    yield _Place(
                        event=str(event.key),
                        command=command,
                        whole=whole,
                        events=events,
                        groups=groups,
                        handlers=handlers,
                        path=(hooks, event, group, handler),
                    )


def _command_of(text: str, handler: ChildNode) -> str:
    value = value_of(text, handler)
    return str(value.get("command", "")) if isinstance(value, dict) else ""


def _cleared(text: str, kept: Container[str] = ()) -> str:
    """Return *text* with our commands for the events *kept* only."""
    while True:
        places = (each for each in _ours(text) if each.event not in kept)
        place = next(places, None)
        if place is None:
            return text

        text = _without(text, place)


def _without(text: str, place: _Place) -> str:
    hooks, event, group, handler = place.path
    for inside, child in (
        (place.handlers, handler),
        (place.groups, group),
        (place.events, event),
    ):
        if len(inside.children) > 1:
            return _removed(text, inside, child)

    return _removed(text, place.whole, hooks)


def _removed(text: str, inside: Node, child: ChildNode) -> str:
    """Remove *child*, with the comma and the space that came with it."""
    siblings = inside.children
    index = siblings.index(child)
    if len(siblings) == 1:
        return text[: inside.start + 1] + text[inside.close :]

    if index:
        return text[: siblings[index - 1].end] + text[child.end :]

    return text[: child.start] + text[siblings[1].start :]


def _with_one(text: str, event: str, command: Mapping[str, object]) -> str:
    places = [each for each in _ours(text) if each.event == event]
    if not places:
        return _added(text, event, _group(command))

    if len(places) > 1:
        return _with_one(_without(text, places[-1]), event, command)

    return _retold(text, places[0], str(command["command"]))


def _retold(text: str, place: _Place, command: str) -> str:
    """Replace the command by *command*, and leave what the user changed beside it."""
    handler = node(text, place.path[-1], "{")
    old = handler.member("command") if handler else None
    assert old is not None  # or it were not ours
    if place.command == command:
        return text

    return text[: old.value] + _quoted(command) + text[old.end :]


def _added(text: str, event: str, group: Mapping[str, object]) -> str:
    whole = root(text)
    style = _Style.of(text)
    events = node(text, whole.member(HOOKS), "{")
    if events is None:
        return _appended(text, whole, style, {event: [group]}, key=HOOKS)

    groups = node(text, events.member(event), "[")
    if groups is None:
        return _appended(text, events, style, [group], key=event)

    return _appended(text, groups, style, group)


@dataclass(frozen=True, slots=True)
class _Style:
    """How a file is written: the end of its lines, and what indents and separates."""

    newline: str
    indent: str
    colon: str
    comma: str
    is_inline: bool

    @classmethod
    def of(cls, text: str) -> "_Style":
        whole = root(text)
        newline = "\r\n" if "\r\n" in text else "\n"
        if not whole.children:
            return cls(newline, INDENT, ": ", ", ", is_inline=False)

        first = whole.children[0]
        lead = text[whole.start + 1 : first.start]
        after = text[first.start : first.value].rpartition(":")[2]
        is_inline = "\n" not in lead
        return cls(
            newline,
            lead.rpartition("\n")[2] or ("" if is_inline else INDENT),
            ":" + ("" if is_inline and not after else " "),
            "," + ("" if is_inline and not after else " "),
            is_inline=is_inline,
        )

    def written(self, value: object, *, indent: str | None) -> str:
        """Return *value* as JSON in this style; on one line where *indent* is None."""
        if indent is None:
            separators = (self.comma, self.colon)
            return json.dumps(value, ensure_ascii=False, separators=separators)

        lines = json.dumps(value, ensure_ascii=False, indent=self.indent).split("\n")
        return (self.newline + indent).join(lines)


def _appended(
    text: str, inside: Node, style: _Style, value: object, *, key: str | None = None
) -> str:
    """Append *value* to the children of *inside*, formatted like those before it."""
    name = "" if key is None else _quoted(key) + style.colon
    if not inside.children:
        return _filled(text, inside, style, name, value)

    last = inside.children[-1]
    lead = text[inside.start + 1 : inside.children[0].start]
    indent = lead.rpartition("\n")[2] if "\n" in lead else None
    between = style.comma if indent is None else f",{style.newline}{indent}"
    new = between + name + style.written(value, indent=indent)
    return text[: last.end] + new + text[last.end :]


def _filled(text: str, inside: Node, style: _Style, name: str, value: object) -> str:
    """Insert *value* into *inside*, which is empty."""
    if style.is_inline:
        new = name + style.written(value, indent=None)
    else:
        outer = _indent_at(text, inside.start)
        indent = outer + style.indent
        new = f"{indent}{name}{style.written(value, indent=indent)}"
        new = f"{style.newline}{new}{style.newline}{outer}"

    return text[: inside.start + 1] + new + text[inside.close :]


def _indent_at(text: str, at: int) -> str:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip())]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
