"""Any sequence of documents, however it is read: each element counts once."""

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import example, given
from hypothesis import strategies as st

from jarvisd.core.source import Budget
from jarvisd.core.sources.document.description import short_digest
from jarvisd.core.sources.document.document_source import DocumentSource
from tests.sources.document.counting import Counted, SteppedClock, drain
from tests.sources.document.kinds import CLINE

NAMES = st.sampled_from(["a", "b", "c", "d#2", "", "é"])
ELEMENTS = st.lists(st.tuples(NAMES, st.sampled_from(["x", "y", "é" * 9])), max_size=6)
READS = st.sampled_from(["whole", "one", "crash", "restart"])


@given(st.lists(st.tuples(ELEMENTS, READS), max_size=12))
@example([([("a", "x"), ("a", "y")], "whole"), ([("a", "y")], "restart")])
def test_each_element_counts_once_as_it_was_last(
    states: list[tuple[list[tuple[str, str]], str]],
) -> None:
    clock, counted = SteppedClock(), Counted()
    latest: dict[str, str] = {}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "document.json"
        source = DocumentSource(str(path), CLINE, clock)
        for elements, how in states:
            messages = [{"id": name, "text": text} for name, text in elements]
            text = json.dumps({"messages": messages}, ensure_ascii=False)
            path.write_text(text)
            clock.now += 100
            os.utime(path, ns=(clock.unix_ms() * 1_000_000,) * 2)
            read(source, counted, how, clock)
            if how in {"crash", "restart"}:
                source = DocumentSource(str(path), CLINE, clock, source.cursor())

            read(source, counted, "whole", clock)
            latest |= named(elements)
            now = {
                key.removeprefix("element:message/"): json.loads(body)["text"]
                for key, body in counted.last.items()
            }
            assert {key: now[key] for key in named(elements)} == named(elements)
            assert now.keys() == latest.keys()

    assert counted.items == len(latest)
    assert counted.chars == sum(len(each.decode()) for each in counted.last.values())


def read(
    source: DocumentSource, counted: Counted, how: str, clock: SteppedClock
) -> None:
    """Read what is there, in one of the ways in which a daemon may come to read it."""
    drain(source, counted, Budget(items=1) if how == "one" else None)
    clock.now += 100
    if how == "crash":
        batch = source.read(Budget(items=1))
        counted.apply(batch)
        source.applied(batch)
        source.read(Budget(items=1))  # and never applied
    else:
        drain(source, counted, Budget(items=1) if how == "one" else None)


def named(elements: list[tuple[str, str]]) -> dict[str, str]:
    """Return the texts by names, as the source names them."""
    found: dict[str, str] = {}
    for index, (name, text) in enumerate(elements):
        body = json.dumps({"id": name, "text": text}, ensure_ascii=False)
        first = key = name or f"{index}:{short_digest(body.encode())}"
        number = 1
        while key in found:
            number += 1
            key = f"{first}#{number}"

        found[key] = text

    return found
