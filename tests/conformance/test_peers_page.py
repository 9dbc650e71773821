"""docs/accuracy.md tells of other tools exactly what the tests find."""

from collections.abc import Iterator
from pathlib import Path

from tests.conformance.cases import CASES
from tests.conformance.differences import KNOWN, TOKSCALE


def test_the_page_lists_exactly_the_known_differences(repository: Path) -> None:
    text = (repository / "docs" / "accuracy.md").read_text(encoding="utf-8")
    listed = list(tables(text.partition("## Against ccusage and tokscale")[2]))

    assert listed == [
        [(each.where, each.theirs, each.ours, each.why) for each in KNOWN],
        [(each.where, each.theirs, each.ours, each.why) for each in TOKSCALE],
        [(each.where, each.ccusage, each.tokscale, each.jarvisd) for each in CASES],
    ]


def tables(text: str) -> Iterator[list[tuple[str, ...]]]:
    """Give the rows of each table of four columns, without its head."""
    for paragraph in text.split("\n\n"):
        lines = [each for each in paragraph.strip().splitlines() if each[:1] == "|"]
        rows = [tuple(map(str.strip, each.strip("|").split("|"))) for each in lines]
        if rows and len(rows[0]) == 4 and rows[0][0]:
            yield rows[2:]
