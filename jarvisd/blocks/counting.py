"""Lines into the counts of a block, and what they say of the block itself."""

from collections.abc import Sequence

from jarvisd.core.agent import Outline, Outlined
from jarvisd.core.block import Block
from jarvisd.core.origin import SessionId
from jarvisd.core.record import NOT_JSON, TOO_LONG, Record
from jarvisd.core.sources.jsonlines.lines import Oversize, TextLine, is_blank


def count(
    block: Block, lines: Sequence[TextLine | Oversize], records: Sequence[Record | None]
) -> None:
    """Count *lines*; what of them is no record and not blank is malformed."""
    texts, malformed, omitted = [], 0, 0
    for line, record in zip(lines, records, strict=True):
        if isinstance(line, Oversize):
            block.add_oversize(line.chars)
        elif record is not None:
            texts.append(line.text)
            omitted += line.omitted
            if record.cwd != block.origin.cwd or block.origin.session_id is None:
                _learn(block, record.session_id, record.cwd)
        elif not is_blank(line.text):
            texts.append(line.text)
            omitted += line.omitted
            malformed += 1

    block.add_lines(texts, malformed=malformed, omitted=omitted)


def count_outlined(
    block: Block, lines: Sequence[TextLine | Oversize], outlined: Outlined
) -> Outline:
    """Count *lines* and no more; return what they say together."""
    whole = [line for line in lines if isinstance(line, TextLine)]
    texts = [line.text for line in whole]
    outline = outlined(texts)
    if outline.others:
        texts = _note_others(block, whole, outline.others)

    if len(whole) < len(lines):
        _count_oversize(block, lines)

    malformed = len(outline.others) - (len(whole) - len(texts))
    omitted = sum(line.omitted for line in whole if line.text)
    block.add_lines(texts, malformed=malformed, omitted=omitted)
    session_id = outline.session_id() if block.origin.session_id is None else None
    for cwd in outline.cwds() or (None,):
        _learn(block, session_id, cwd)

    return outline


def date(block: Block, times: Sequence[int], written_ms: int) -> None:
    """Record the *times* of lines of history, in any order."""
    if times:
        block.seen_at(min(times))
        block.seen_at(max(times))
    elif block.start_ts_ms is None:
        block.seen_at(written_ms)


def _note_others(
    block: Block, lines: Sequence[TextLine], others: frozenset[int]
) -> list[bytes]:
    """Remember those of *lines* that are no record; return all that are not blank."""
    texts = []
    for index, line in enumerate(lines):
        if index not in others:
            texts.append(line.text)
        elif not is_blank(line.text):
            texts.append(line.text)
            block.add_bad_line(line.offset, line.length, NOT_JSON)

    return texts


def _count_oversize(block: Block, lines: Sequence[TextLine | Oversize]) -> None:
    for line in lines:
        if isinstance(line, Oversize):
            block.add_bad_line(line.offset, line.chars, TOO_LONG)
            block.add_oversize(line.chars)


def _learn(block: Block, session_id: SessionId | None, cwd: str | None) -> None:
    """Take from records what the file's name did not say."""
    origin = block.origin
    new_cwd = cwd is not None and cwd != origin.cwd
    if new_cwd or (origin.session_id is None and session_id is not None):
        block.learn(session_id=session_id, cwd=cwd, project=origin.project or cwd)
