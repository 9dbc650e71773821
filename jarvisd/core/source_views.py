"""Roots and sources as `sources.list` shows them."""

from enum import StrEnum

import msgspec

from jarvisd.base.wire_types import Result
from jarvisd.core.origin import BlockId


class SourceState(StrEnum):
    """How a source stands with us."""

    ACTIVE = "active"
    GONE = "gone"
    QUARANTINED = "quarantined"


class SourceView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One source as `sources.list` shows it."""

    agent: str
    path: str
    state: SourceState
    block_id: BlockId | None
    offset: int
    size: int
    partial_bytes: int
    generation: int
    error: str | None
    remedy: str | None = None


class RootView(Result, frozen=True, kw_only=True):
    """One folder that is looked at for an agent's transcripts.

    *compressed* counts the transcripts in it that are compressed and cannot be read.
    """

    agent: str
    path: str
    exists: bool
    files: int
    error: str | None
    compressed: int = 0
