"""Which blocks and sessions a filter means; the same for lists and subscriptions."""

from jarvisd.base.folder import is_named
from jarvisd.core.block import Block
from jarvisd.core.origin import Life
from jarvisd.overview.sessions import SessionEntry, revision_of
from jarvisd.overview.wire import BlocksList, SessionsList

OPEN = frozenset({Life.LIVE, Life.QUIET})


def matches_list(block: Block, wanted: BlocksList, now_ms: int) -> bool:
    """Whether *block* belongs in the answer to *wanted*."""
    origin = block.origin
    return (
        (wanted.agent is None or origin.agent == wanted.agent)
        and (wanted.kind is None or origin.kind is wanted.kind)
        and (wanted.session_id is None or origin.session_id == wanted.session_id)
        and (wanted.since is None or block.revision > wanted.since)
        and (wanted.project is None or is_in_project(block, wanted.project))
        and _is_as_lively(block, wanted, now_ms)
    )


def matches_sessions(entry: SessionEntry, wanted: SessionsList, now_ms: int) -> bool:
    """Whether a session belongs in the answer to *wanted*."""
    session = entry.session
    last_ms = session.spans.last_ms or 0
    return (
        (wanted.agent is None or session.agent == wanted.agent)
        and (wanted.since is None or revision_of(entry) > wanted.since)
        and (wanted.active_s is None or abs(now_ms - last_ms) <= wanted.active_s * 1000)
        and (wanted.project is None or is_session_in(entry, wanted.project))
    )


def is_session_in(entry: SessionEntry, wanted: str) -> bool:
    """Whether a session works in the project *wanted*."""
    place = entry.session.place
    return is_named(place and place[1], wanted) or any(
        is_in_project(each, wanted) for each in entry.blocks
    )


def is_in_project(block: Block, wanted: str) -> bool:
    """Whether *wanted* is the block's project or the end of its path."""
    places = (block.origin.project, block.origin.cwd)
    return any(is_named(place, wanted) for place in places)


def _is_as_lively(block: Block, wanted: BlocksList, now_ms: int) -> bool:
    if wanted.active_s is not None:
        last_ms = block.last_activity_ms
        # However far apart: a time far ahead is from a wrong clock.
        if last_ms is None or abs(now_ms - last_ms) > wanted.active_s * 1000:
            return False

    if wanted.life is not None:
        return block.life(now_ms) in wanted.life

    return wanted.active_s is None or block.life(now_ms) in OPEN
