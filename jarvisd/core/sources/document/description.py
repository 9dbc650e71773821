"""How an agent describes its documents: a pure value.

The shape is a msgspec type that names only what is needed. Elements are `msgspec.Raw`
in it: their text is handed on as it is written. So should other fields be: one of
another type than it should have would cost the whole document.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, reduce
from hashlib import blake2b
from typing import Any

import msgspec

MAX_DOCUMENT_BYTES = 128 * 1024 * 1024
"""A longer document is not read. Parsing so much takes 75 ms of the interpreter."""

MAX_ELEMENTS = 128 * 1024
"""A document with more is not read: the cursor has 20 bytes for each."""

NameElement = Callable[[int, msgspec.Raw], str]
"""Returns the name of an element, given its index and its text."""


class Elements(msgspec.Struct, frozen=True):
    """Elements of one kind in a document, in order.

    Attributes:
        kind: What they are; part of their names.
        bodies: The text of each.
        names: The name of each, or how to find it: then it may depend on nothing but
            the index and the text.
        stream: The session that they belong to, if the document has several.

    """

    kind: str
    bodies: Sequence[msgspec.Raw]
    names: Sequence[str] | NameElement
    stream: str = ""


class DocumentKind(msgspec.Struct, frozen=True):
    """One kind of document of one agent.

    Attributes:
        shape: The type that its text is decoded to.
        elements: Given a value of that type, returns what is in it.
        max_bytes: A longer document is not read.
        is_dated: Its elements have no times of their own: an item gets the time at which
            the document was written with it, as far as that was seen.
        order: Of the documents of one folder those with the least are read first.

    """

    shape: Any
    elements: Callable[[Any], Iterable[Elements]]
    max_bytes: int = MAX_DOCUMENT_BYTES
    is_dated: bool = False
    order: int = 0


class FolderKind(msgspec.Struct, frozen=True):
    """Files of one folder, each written once, in the order of their names.

    Attributes:
        is_event: Whether a file of this name is one.
        max_bytes: A longer file is not read.

    """

    is_event: Callable[[str], bool]
    max_bytes: int = 64 * 1024 * 1024


class SessionFolderKind(msgspec.Struct, frozen=True):
    """Documents of one folder that are one session, and a folder of events inside.

    Attributes:
        documents_of: What the file of this name is read as; nothing if it is no document.
            As two kinds where one part of it has to be read first and another last.
        events_folder: The name of the folder of events, if there is one.
        events: The kind of that.

    """

    documents_of: Callable[[str], Sequence[DocumentKind]]
    events_folder: str = ""
    events: FolderKind | None = None


def named_by(path: str) -> NameElement:
    """Name elements by the field at *path*, such as `id` or `extra.response.id`.

    An element without it is named by its index and its whole text.
    """
    decoder = _decoder_of(tuple(path.split(".")))

    def name(index: int, body: msgspec.Raw) -> str:
        found = _field(decoder, body)
        text = bytes(found).strip(b'"').decode(errors="replace")
        return text if text not in {"", "null"} else f"{index}:{short_digest(body)}"

    return name


def numbered(*paths: str) -> NameElement:
    """Name elements by index, and by the fields at *paths* that an update leaves alone.

    Without *paths* whatever comes to stand at an index replaces what stood there, which
    is wrong where a document is cut and grows again: that would take back what was
    spent.
    """
    decoders = [_decoder_of(tuple(each.split("."))) for each in paths]

    def name(index: int, body: msgspec.Raw) -> str:
        if not decoders:
            return str(index)

        fields = (bytes(_field(each, body)) for each in decoders)
        return f"{index}:{short_digest(b''.join(fields))}"

    return name


def keyed(kind: str, members: Mapping[str, msgspec.Raw], stream: str = "") -> Elements:
    """Return the members of an object as elements with the names that they have."""
    return Elements(kind, list(members.values()), list(members), stream)


def short_digest(text: bytes | msgspec.Raw) -> str:
    """Return twelve digits that distinguish *text* from others at its index."""
    return blake2b(text, digest_size=6).hexdigest()


_ABSENT = msgspec.Raw()


@cache
def _decoder_of(path: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    """Return a decoder of objects, nested as in *path*, to `field` inside `field`."""

    def inside(kind: Any, name: str) -> Any:
        field = ("field", kind, msgspec.field(default=None, name=name))
        return msgspec.defstruct("Named", [field])

    innermost = msgspec.defstruct(
        "Named",
        [("field", msgspec.Raw, msgspec.field(default=_ABSENT, name=path[-1]))],
    )
    return msgspec.json.Decoder(reduce(inside, reversed(path[:-1]), innermost))


def _field(decoder: msgspec.json.Decoder[Any], body: msgspec.Raw) -> msgspec.Raw:
    try:
        found = decoder.decode(body)
    except (ValueError, RecursionError):
        return _ABSENT

    while found is not None and not isinstance(found, msgspec.Raw):
        found = found.field

    return _ABSENT if found is None else found
