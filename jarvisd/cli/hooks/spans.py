"""Where the values of a JSON text lie, so that one can be changed and the rest is kept.

A decoder and encoder would do, were it not for the user's own order, spacing and way to
write numbers: their file shall not come back in our handwriting.
"""

import json
import re
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]

_SPACE = re.compile(r"[ \t\r\n]*")
# Numbers mean nothing to us, and `int` would refuse one of thousands of digits.
_decode = json.JSONDecoder(parse_int=float).raw_decode


class NotJsonError(ValueError):
    """A text is not JSON; the message says where."""


@dataclass(frozen=True, slots=True)
class ChildNode:
    """One member of an object or one item of an array.

    It lies from *start*, in an object the quote of its key, to before *end*; its value
    begins at *value*.
    """

    start: int
    value: int
    end: int
    key: str | None


@dataclass(frozen=True, slots=True)
class Node:
    """An object or array from its opening bracket at *start* to the other at *close*."""

    start: int
    close: int
    children: tuple[ChildNode, ...]

    def member(self, key: str) -> ChildNode | None:
        """Return the member *key*, the last one as readers of JSON do."""
        return next((each for each in reversed(self.children) if each.key == key), None)


def check(text: str) -> object:
    """Return the value of the JSON *text*.

    Raises:
        NotJsonError: It is not JSON, or nested too deep.

    """
    try:
        return json.loads(text, parse_int=float, parse_constant=_refuse)
    except json.JSONDecodeError as exc:
        reason = f"line {exc.lineno}, column {exc.colno}: {exc.msg}"
        raise NotJsonError(reason) from None
    except RecursionError:
        raise NotJsonError("nested too deep") from None


def _refuse(constant: str) -> None:
    raise NotJsonError(f"{constant} is not JSON")


def value_of(text: str, child: ChildNode) -> object:
    """Return the value of *child*."""
    return _decode(text, child.value)[0]


def root(text: str) -> Node:
    """Return the object or array that the valid *text* is."""
    return _node(text, _past_space(text, 0))


def node(text: str, child: ChildNode | None, opening: str) -> Node | None:
    """Return the object or array that *child* is; None if it is no such thing."""
    if child is None or text[child.value] != opening:
        return None

    return _node(text, child.value)


def _node(text: str, start: int) -> Node:
    is_object = text[start] == "{"
    children = []
    at = _past_space(text, start + 1)
    while text[at] not in "}]":
        child = _child(text, at, is_object=is_object)
        children.append(child)
        at = _past_space(text, child.end)
        if text[at] == ",":
            at = _past_space(text, at + 1)

    return Node(start, at, tuple(children))


def _child(text: str, start: int, *, is_object: bool) -> ChildNode:
    key, value = None, start
    if is_object:
        key, end = scanstring(text, start + 1)
        value = _past_space(text, _past_space(text, end) + 1)  # past the colon

    _, end = _decode(text, value)
    return ChildNode(start, value, end, key)


def _past_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None  # it matches nothing, too
    return found.end()
