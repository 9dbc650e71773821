"""The shapes of Notebook Doc: of a document, and of one element in it."""

from collections.abc import Iterator

from msgspec import Raw, Struct

from jarvisd.agents._shared.decode import ABSENT
from jarvisd.agents._shared.numbers import TokenCount
from jarvisd.core.sources.document.description import (
    DocumentKind,
    Elements,
    named_by,
)


class NotebookDocument(Struct, gc=False):
    """A document: its elements are handed on as they are written."""

    session: Raw = ABSENT
    messages: list[Raw] = []


class DocumentUsage(Struct, gc=False):
    """Token counts of a reply. *prompt* includes *cached*; *thoughts* are apart."""

    prompt: TokenCount = 0
    cached: TokenCount = 0
    answer: TokenCount = 0
    thoughts: TokenCount = 0


class DocumentTool(Struct, gc=False):
    """A tool call, or the result of one."""

    id: str = ""
    name: str = ""
    error: bool = False


class NotebookElement(Struct, gc=False):
    """An element of a document: its header, a prompt, a reply or a result."""

    id: str | None = None
    type: str = ""
    at: str | float | None = None
    folder: str | None = None
    version: str | None = None
    title: str | None = None
    model: str | None = None
    usage: DocumentUsage | None = None
    tools: tuple[DocumentTool, ...] = ()
    is_last: bool = False
    text: Raw = ABSENT


_NAME = named_by("id")


def _elements(document: NotebookDocument) -> Iterator[Elements]:
    if document.session is not ABSENT:
        yield Elements("session", [document.session], ["session"])

    yield Elements("message", document.messages, _NAME)


DOCUMENT = DocumentKind(NotebookDocument, _elements)
