"""The older documents of opencode: the one of a session is an element as a whole."""

from collections.abc import Iterator

from msgspec import Raw

from jarvisd.core.sources.document.description import DocumentKind, Elements


def _whole(document: Raw) -> Iterator[Elements]:
    yield Elements("session", [document], ["session"])


SESSION = DocumentKind(Raw, _whole)
