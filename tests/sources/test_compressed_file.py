"""Compressed transcripts, read on where the plain ones were and the other way round."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jarvisd.agents.codex.read import condense
from jarvisd.base.errors import SourceError
from jarvisd.core.sources.jsonlines.compressed_file import (
    CUT_SHORT,
    TRUNCATED_S,
    CompressedFile,
)
from jarvisd.core.sources.jsonlines.handles import Handles
from jarvisd.core.sources.jsonlines.identity import FilePosition
from jarvisd.core.sources.jsonlines.line_file import lines_of, open_tail
from jarvisd.core.sources.jsonlines.lines import TextLine
from tests.zstd_library import zstd


class Transcript:
    """One text in either form, read as the daemon does: positions move with lines."""

    def __init__(self, folder: Path) -> None:
        self.plain = folder / "rollout.jsonl"
        self.packed = folder / "rollout.jsonl.zst"
        self.position = FilePosition()
        self.lines: list[bytes] = []
        self.restarts = 0

    def write(self, text: bytes, *, compressed: bool) -> Path:
        """Have *text* in one of the forms, and in no other."""
        path, other = self.plain, self.packed
        if compressed:
            path, other, text = self.packed, self.plain, zstd.compress(text)

        other.unlink(missing_ok=True)
        path.write_bytes(text)
        return path

    def read(self, path: Path, slices: int = 10_000) -> None:
        """Read so many slices at most, as a daemon that was just started."""
        tail, handles = open_tail(str(path)), Handles()
        tail.assume_unchanged(self.position)
        try:
            for _ in range(slices):
                part = tail.read(self.position, handles, 0.0)
                self.position = part.position
                self.restarts += part.restarted
                self.lines += [
                    each.text for each in part.lines if isinstance(each, TextLine)
                ]
                if not part.more:
                    return
        finally:
            handles.close()


@pytest.fixture
def transcript(tmp_path: Path) -> Transcript:
    return Transcript(tmp_path)


def numbered(count: int, width: int = 30) -> bytes:
    return b"".join(
        b'{"n": %d, "text": "%s"}\n' % (n, b"x" * width) for n in range(count)
    )


STEPS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 3), st.integers(1, 4)), max_size=8
)


@given(STEPS, st.sampled_from([1, 30, 700, 40_000]))
@settings(max_examples=40)
def test_each_line_counts_once_in_whichever_form_it_is_met(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[bool, int, int]],
    width: int,
) -> None:
    transcript = Transcript(tmp_path_factory.mktemp("rollouts"))
    count = 0
    for compressed, more, slices in [*steps, (True, 1, 10_000), (False, 1, 10_000)]:
        count += more * max(1, 3000 // width)
        path = transcript.write(numbered(count, width), compressed=compressed)
        transcript.read(path, slices)

    assert transcript.lines == numbered(count, width).splitlines()


def test_another_text_is_read_from_its_start(transcript: Transcript) -> None:
    transcript.read(transcript.write(numbered(100), compressed=False))
    other = b'{"other": true}\n' * 5
    transcript.read(transcript.write(other, compressed=True))
    assert (transcript.restarts, transcript.position.generation) == (1, 1)
    assert transcript.lines[100:] == other.splitlines()


@pytest.mark.parametrize("line", [b'{"n": 0,', b'{"n": 99,'])
def test_a_text_that_differs_before_the_offset_is_another(
    line: bytes, transcript: Transcript
) -> None:
    text = numbered(100)
    transcript.read(transcript.write(text, compressed=False))
    changed = text.replace(line, line.replace(b"n", b"m"))
    transcript.read(transcript.write(changed, compressed=True))
    assert transcript.restarts == 1


def test_an_unfinished_last_line_waits_for_the_plain_file(
    transcript: Transcript,
) -> None:
    text = numbered(3)
    transcript.read(transcript.write(text[:-5], compressed=True))
    assert len(transcript.lines) == 2
    transcript.read(transcript.write(text, compressed=False))
    assert transcript.lines == text.splitlines()


def test_a_file_cut_short_is_waited_for_and_then_told(transcript: Transcript) -> None:
    path = transcript.write(os.urandom(50_000).hex().encode(), compressed=True)
    path.write_bytes(path.read_bytes()[:-100])
    tail, handles = CompressedFile(str(path)), Handles()
    for now in (0.0, TRUNCATED_S / 2):
        while (part := tail.read(FilePosition(), handles, now)).more:
            assert not part.lines

        assert tail.changed(path.stat())

    def read_late() -> None:
        while True:
            tail.read(FilePosition(), handles, TRUNCATED_S + 1)

    with pytest.raises(SourceError, match=CUT_SHORT):
        read_late()

    with pytest.raises(SourceError, match=CUT_SHORT):
        list(lines_of(str(path), condense))

    handles.close()


def test_what_is_compressed_and_no_text_is_told(transcript: Transcript) -> None:
    path = transcript.write(b"SQLite format 3\0" + bytes(5000), compressed=True)
    with pytest.raises(SourceError, match="its content is an SQLite database"):
        transcript.read(path)


def test_a_file_that_was_read_is_not_opened_again(transcript: Transcript) -> None:
    path = transcript.write(numbered(10), compressed=True)
    transcript.read(path)
    tail, handles = open_tail(str(path)), Handles()
    position = FilePosition()
    while (part := tail.read(position, handles, 0.0)).more:
        position = part.position

    handles.close()
    assert not tail.changed(path.stat())

    tail = open_tail(str(path))
    tail.assume_unchanged(transcript.position)
    assert not tail.changed(path.stat())
    path.write_bytes(zstd.compress(numbered(11)))
    assert tail.changed(path.stat())
