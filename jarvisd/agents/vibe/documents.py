"""The parts of a session's folder, and what of its documents is an item.

Version 3:

    meta.json                                  folder, model and title of the session
    chunks/SHA256.json                         entries that were folded
    generations/SEQUENCE/projection-state.json the state at that record of the journal
    journal/SEQUENCE.jsonl                     records from that one on

Older versions have `meta.json` and `messages.jsonl` alone.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw, Struct

from jarvisd.core.sources.document.description import DocumentKind, Elements
from jarvisd.core.sources.document.journal_folder import (
    FolderPart,
    JournalFolderKind,
)

_GENERATION = re.compile(r"generations/(\d{1,16})/projection-state\.json")
_JOURNAL = re.compile(r"journal/(\d{1,16})\.jsonl")
_CHUNK = re.compile(r"chunks/[0-9a-f]{64}\.json")
_NULL = Raw(b"null")


class ProjectionDocument(Struct, gc=False):
    """A projection-state.json."""

    snapshot: Raw = _NULL


class _StateItem(Struct, gc=False):
    type: str
    state: Raw


class _EntryItem(Struct, gc=False):
    type: str
    entry: Raw


class _MetaItem(Struct, gc=False):
    type: str
    meta: Raw


def _item(item: Struct) -> Raw:
    return Raw(msgspec.json.encode(item))


def _state(document: ProjectionDocument) -> Iterator[Elements]:
    yield Elements("state", [_item(_StateItem("state", document.snapshot))], ["state"])


def _entries(document: list[Raw] | dict[str, Raw]) -> Iterator[Elements]:
    """Yield the entries of a chunk; chunks of other things have no entries."""
    if isinstance(document, list):
        entries = [_item(_EntryItem("entry", each)) for each in document]
        yield Elements("entry", entries, [str(at) for at in range(len(entries))])


def _meta(document: Raw) -> Iterator[Elements]:
    yield Elements("meta", [_item(_MetaItem("meta", document))], ["meta"])


_STATE = DocumentKind(ProjectionDocument, _state)
_CHUNKS: Any = DocumentKind(list[Raw] | dict[str, Raw], _entries)
_META = DocumentKind(Raw, _meta)


def part_of(name: str) -> FolderPart | None:
    """Return the part that the file *name* of a session's folder is."""
    if name == "meta.json":
        return FolderPart(order=0, document=_META)

    if name == "messages.jsonl":
        return FolderPart(order=1)

    if _CHUNK.fullmatch(name):
        return FolderPart(order=1, document=_CHUNKS)

    # A journal goes on from the state at the record before its first.
    for pattern, document, behind in ((_GENERATION, _STATE, 0), (_JOURNAL, None, 1)):
        found = pattern.fullmatch(name)
        if found is not None:
            return FolderPart(order=2 + 2 * int(found[1]) + behind, document=document)

    return None


KIND = JournalFolderKind(part_of)
