"""The state of a session of Kimi Code: a document with its title, rewritten often."""

from collections.abc import Iterator

import msgspec
from msgspec import Raw, Struct

from jarvisd.core.sources.document.description import DocumentKind, Elements


class StateDocument(Struct, gc=False, rename="camel"):
    """What is needed of a state.json."""

    title: Raw = Raw(b"null")
    title_kind: Raw = Raw(b"null")
    is_custom_title: Raw = Raw(b"null")
    updated_at: Raw = Raw(b"null")


class _Title(Struct, rename="camel", gc=False):
    type: str
    title: Raw
    title_kind: Raw
    updated_at: Raw


def _elements(state: StateDocument) -> Iterator[Elements]:
    """Yield the title, if there is one, as the only element."""
    is_custom = bytes(state.is_custom_title) == b"true"
    kind = Raw(b'"custom"') if is_custom else state.title_kind
    title = _Title("state", state.title, kind, state.updated_at)
    yield Elements("state", [Raw(msgspec.json.encode(title))], ["title"])


DOCUMENT = DocumentKind(StateDocument, _elements)
