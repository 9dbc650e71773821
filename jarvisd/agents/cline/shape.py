"""The shapes of Cline: of its documents, and of one element in them."""

from collections.abc import Iterator
from functools import partial

from msgspec import Raw, Struct, field

from jarvisd.agents._shared.decode import ABSENT
from jarvisd.agents._shared.numbers import Dollars, Ordinal, Time, TokenCount
from jarvisd.agents.cline.places import SUBAGENT, document_kind
from jarvisd.core.sources.document.description import (
    DocumentKind,
    Elements,
    SessionFolderKind,
    keyed,
    named_by,
)


class ClineMessages(Struct, gc=False):
    """A document of messages: its elements are handed on as they are written."""

    origin: Raw = ABSENT
    messages: list[Raw] = []


class ClineManifest(Struct, gc=False):
    """A manifest, of which only what is noted of the session is wanted."""

    metadata: Raw = ABSENT

    def elements(self) -> Iterator[Elements]:
        """Yield the metadata of the session."""
        if self.metadata is not ABSENT:
            yield keyed("manifest", {"metadata": self.metadata})


class ClineMetrics(Struct, gc=False, rename="camel"):
    """Token counts of a response. *input_tokens* includes what the cache holds."""

    input_tokens: TokenCount | None = None
    output_tokens: TokenCount | None = None
    cache_read_tokens: TokenCount = 0
    cache_write_tokens: TokenCount = 0
    cost: Dollars | None = None


class ClineModel(Struct, gc=False):
    """The model of a response."""

    id: str = ""
    provider: str = ""


class ClineBlock(Struct, gc=False):
    """One part of a message: text, a tool call, or what one came back with."""

    type: str = ""
    text: Raw = ABSENT
    id: str = ""
    name: str = ""
    input: Raw = ABSENT
    tool_use_id: str = ""
    content: Raw = ABSENT
    is_error: bool = False


class ClineGit(Struct, gc=False):
    """The repository in which a session began."""

    branch: str | None = None


class ClineHistoryOrigin(Struct, gc=False):
    """The program that began a session."""

    version: str | None = None


class ClineMetadata(Struct, gc=False):
    """What is noted of a message, or of a session."""

    display_role: str = field(default="", name="displayRole")
    terminal_marker: str | None = None


class ClineItem(Struct, gc=False):
    """An element: a message, the origin of a document, or what is noted of a session.

    The manifest of a session is read before its messages for the branch, and behind
    them for the status.
    """

    role: str = ""
    id: str | None = None
    content: tuple[ClineBlock, ...] | str = ()
    ts: Time | str | None = None
    model_info: ClineModel | None = field(default=None, name="modelInfo")
    metrics: ClineMetrics | None = None
    metadata: ClineMetadata | None = None

    version: str | Ordinal | None = None
    session_of: str | None = field(default=None, name="sessionId")

    title: str | None = None
    git: ClineGit | None = None
    session_history_origin: ClineHistoryOrigin | None = field(
        default=None, name="sessionHistoryOrigin"
    )

    session_id: str | None = None
    status: str = ""
    interactive: bool = True
    cwd: str | None = None


_NAME = named_by("id")
_MANIFEST = (
    DocumentKind(
        Raw,
        lambda text: [keyed("manifest", {"manifest": text})],
        is_dated=True,
        order=1,
    ),
    DocumentKind(ClineManifest, lambda found: found.elements(), order=-1),
)


def session_documents(session: str) -> SessionFolderKind:
    """Return the documents in the folder of *session*."""

    def documents_of(name: str) -> tuple[DocumentKind, ...]:
        kind = document_kind(session, name)
        if kind is None or kind == "manifest":
            return () if kind is None else _MANIFEST

        stream = f"{session}{SUBAGENT}{kind}" if kind else ""
        return (DocumentKind(ClineMessages, partial(_elements, stream)),)

    return SessionFolderKind(documents_of)


def _elements(stream: str, document: ClineMessages) -> Iterator[Elements]:
    if document.origin is not ABSENT:
        yield keyed("origin", {"origin": document.origin}, stream)

    yield Elements("message", document.messages, _NAME, stream)
