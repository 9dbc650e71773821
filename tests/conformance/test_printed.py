"""What recorded runs of `claude -p` printed, beside their transcripts and alone."""

import json
from typing import Any

import pytest

from jarvisd.base.usage import Tokens
from tests.conformance.shared import runs
from tests.conformance.test_corpus_ledger import files_of
from tests.ledger.books import Block, block, read_all

PRINTED = [path for path in runs("claude") if [*path.glob("_run/*.stdout")]]
names = pytest.mark.parametrize("path", PRINTED, ids=lambda path: path.name)


def printed_of(path: Any) -> list[Block]:
    return [
        block(each.read_bytes().splitlines(), session=None, name=str(each))
        for each in sorted(path.glob("_run/*.stdout"))
    ]


def told(blocks: list[Block]) -> dict[str, Tokens]:
    """Return the greatest that the results of each session say."""
    found: dict[str, Tokens] = {}
    for line in (json.loads(each) for one in blocks for each in one.lines):
        if line["type"] == "result" and "modelUsage" in line:
            spent = sum(map(tokens_of, line["modelUsage"].values()), Tokens())
            session = line["session_id"]
            found[session] = max(
                found.get(session, Tokens()), spent, key=lambda each: each.total
            )

    return found


def tokens_of(usage: dict[str, int]) -> Tokens:
    return Tokens(
        usage["inputTokens"],
        usage["cacheReadInputTokens"],
        usage["cacheCreationEphemeral5mInputTokens"],
        usage["cacheCreationEphemeral1hInputTokens"],
        usage["outputTokens"],
        usage["thinkingTokens"],
    )


@names
def test_alone_it_counts_what_results_say(path: Any) -> None:
    blocks = printed_of(path)
    books = read_all(*blocks)

    for session, tokens in told(blocks).items():
        assert books.session(session).tokens == tokens


@names
def test_beside_transcripts_it_adds_nothing(path: Any) -> None:
    files, printed = files_of(("claude", path)), printed_of(path)
    alone = read_all(*files)

    for order in ([*files, *printed], [*printed, *files]):
        books = read_all(*order)

        assert books.tokens() == alone.tokens()
        assert books.store.cells == alone.store.cells
