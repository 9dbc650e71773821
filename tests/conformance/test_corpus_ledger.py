"""The accounts of real runs against what was really sent over the wire.

What the agents do not log, and what therefore cannot be in any account:

- Claude Code writes a message that was interrupted with its full prompt and one token
  of output; the request of /compact not at all.
- Codex writes nothing of a stream that was interrupted, and nothing of the threads that
  only make titles.
- Codex has no word for a call that never returned: killed calls are open, not failed.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from jarvisd.core.event import Outcome
from jarvisd.core.origin import SessionId
from jarvisd.ledger.model import CallRow
from tests.agents.found import AGENTS
from tests.conformance.shared import SHARED, needs_shared, runs
from tests.ledger.books import Block, Books, block, read_all

pytestmark = [pytest.mark.conformance, needs_shared()]

INTERRUPTED_OUTPUT = 1
"""What Claude Code writes for a message whose stream was cut."""

Run = tuple[str, Path]


def all_runs() -> list[Any]:
    return [
        pytest.param((agent, path), id=f"{agent}-{path.name}")
        for agent in ("claude", "codex")
        for path in runs(agent)
    ]


def files_of(run: Run) -> list[Block]:
    agent, home = run
    files = []
    for tree in AGENTS[agent].roots({}, home, ()):
        for path in sorted(tree.root.rglob("*.jsonl")):
            place = tree.place(path.relative_to(tree.root).parts)
            if place is not None:
                files.append(
                    block(
                        path.read_bytes().splitlines(),
                        agent=agent,
                        session=place.session_id,
                        parent=place.parent_session_id,
                        name=str(path),
                    )
                )

    return files


def truth_of(run: Run) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads((run[1] / "truth.json").read_text())
    return truth


def account(books: Books) -> dict[str, int]:
    tokens = books.tokens()
    return {
        "requests": sum(each.messages for each in books.ledger.sessions()),
        "input_uncached": tokens.input,
        "cache_read": tokens.cache_read,
        "cache_write": tokens.cache_write_5m + tokens.cache_write_1h,
        "output": tokens.output,
        "reasoning": tokens.reasoning,
    }


def logged(run: Run, truth: dict[str, Any]) -> dict[str, int]:
    """Return what of the *truth* the agent logs."""
    completed, total = truth["usage_completed"], truth["usage_total"]
    if run[0] == "codex":
        return dict(completed)

    aborted = len(truth["aborted"])
    return {**total, "output": completed["output"] + INTERRUPTED_OUTPUT * aborted}


def calls_of(books: Books) -> list[CallRow]:
    rows = books.store.rows.values()
    return [row for row in rows if isinstance(row, CallRow) and row.tool is not None]


@pytest.mark.parametrize("run", all_runs())
def test_every_token_is_counted_once(run: Run) -> None:
    books = read_all(*files_of(run))

    assert account(books) == logged(run, truth_of(run))
    assert books.malformed == 0


@pytest.mark.parametrize("run", all_runs())
def test_the_order_of_the_files_does_not_matter(run: Run) -> None:
    files = files_of(run)

    forwards, backwards = read_all(*files), read_all(*reversed(files))

    assert forwards.store.rows == backwards.store.rows
    assert forwards.store.sessions == backwards.store.sessions


@pytest.mark.parametrize("run", all_runs())
def test_every_call_is_known_and_how_it_came_back(run: Run) -> None:
    expected = [
        (each["name"], each["expect"])
        for each in truth_of(run)["tool_calls"]
        if each["expect"] != "?"
    ]

    found = []
    for row in calls_of(read_all(*files_of(run))):
        whole = f"mcp__{row.server}__{row.tool}" if row.server else row.tool
        name = row.tool if run[0] == "codex" else whole
        found.append((name, row.outcome.value if row.outcome else "killed"))

    assert sorted(set(expected) - set(found)) == []
    assert len(found) == len(truth_of(run)["tool_calls"])


@pytest.mark.parametrize("run", all_runs())
def test_every_prompt_is_counted_once(run: Run) -> None:
    books = read_all(*files_of(run))

    mains = [each for each in books.ledger.sessions() if not each.parent_session_id]
    truth = truth_of(run)
    assert sum(each.prompts for each in mains) == len(truth["user_prompts"])
    assert {each.session_id for each in mains} == set(truth["session_ids"]) - {
        each.session_id for each in books.ledger.sessions() if each.parent_session_id
    }


@pytest.mark.parametrize("run", all_runs())
def test_a_line_at_a_time_with_restarts_gives_the_same(run: Run) -> None:
    files = files_of(run)
    books = Books(window=2)
    for number in range(max(len(file.lines) for file in files)):
        for file in files:
            books.read(file, 1)

        if number % 3 == 0:
            books.flush()
            books.restart()

    books.flush()

    assert books.store.rows == read_all(*files).store.rows
    assert {key: row.tokens for key, row in books.store.sessions.items()} == {
        key: row.tokens for key, row in read_all(*files).store.sessions.items()
    }


@needs_shared("corpus/claude/fork")
def test_a_fork_does_not_get_its_history_again() -> None:
    run = ("claude", SHARED / "corpus/claude/fork")
    books = read_all(*files_of(run))

    first, fork = (SessionId(each) for each in truth_of(run)["session_ids"])
    assert books.session(first).messages == 2
    assert books.session(fork).messages == 1


@needs_shared("corpus/claude/subagent")
def test_a_subagent_is_a_session_of_its_own() -> None:
    run = ("claude", SHARED / "corpus/claude/subagent")
    books = read_all(*files_of(run))

    parent = truth_of(run)["session_ids"][0]
    children = [
        each for each in books.ledger.sessions() if each.parent_session_id == parent
    ]
    assert [each.messages for each in children] == [3]
    assert books.session(parent).subagents == 1
    assert books.session(parent).mcp_calls == 2


@needs_shared("recordings/codex/codemode")
def test_a_script_is_one_call_whatever_it_runs() -> None:
    run = ("codex", SHARED / "recordings/codex/codemode")

    found = calls_of(read_all(*files_of(run)))

    asked = [(each["name"], each["expect"]) for each in truth_of(run)["tool_calls"]]
    told = [(each.tool, str(each.outcome)) for each in found]
    assert len(told) == len(asked)
    assert told[:5] == asked[:5]  # of the last one the wire does not tell


@needs_shared("recordings/codex/states")
def test_what_was_aborted_by_hand_is_a_denial() -> None:
    run = ("codex", SHARED / "recordings/codex/states")

    found = calls_of(read_all(*files_of(run)))

    assert [each.outcome for each in found] == [Outcome.OK, Outcome.DENIED]
