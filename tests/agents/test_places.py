from collections.abc import Callable
from pathlib import Path

import pytest

from jarvisd.agents.claude import places as claude
from jarvisd.agents.codex import places as codex
from tests.agents.found import AGENTS

HOME = Path("/home/dev")
THREAD = "01a1fbed-862a-75b1-bce3-2029626f135b"


def roots(agent: str, *configured: str, **environ: str) -> list[str]:
    trees = AGENTS[agent].roots(environ, HOME, tuple(map(Path, configured)))
    return [str(tree.root) for tree in trees]


@pytest.mark.parametrize(
    ("environ", "configured", "expected"),
    [
        pytest.param(
            {},
            (),
            ["/home/dev/.config/claude/projects", "/home/dev/.claude/projects"],
            id="both defaults",
        ),
        pytest.param(
            {"XDG_CONFIG_HOME": "/x"},
            (),
            ["/x/claude/projects", "/home/dev/.claude/projects"],
            id="XDG",
        ),
        pytest.param(
            {"CLAUDE_CONFIG_DIR": "/a, /b/projects,,~/c"},
            (),
            ["/a/projects", "/b/projects", "/home/dev/c/projects"],
            id="a list, some entries with projects, replaces the defaults",
        ),
        pytest.param(
            {"CLAUDE_CONFIG_DIR": "/a"},
            ("/a/projects", "/d"),
            ["/a/projects", "/d/projects"],
            id="configured roots are added, each once",
        ),
    ],
)
def test_claude_roots(
    environ: dict[str, str], configured: tuple[str, ...], expected: list[str]
) -> None:
    assert roots("claude", *configured, **environ) == expected


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param(
            {},
            ["/home/dev/.codex/sessions", "/home/dev/.codex/archived_sessions"],
            id="default",
        ),
        pytest.param(
            {"CODEX_HOME": "/a,/b"},
            [
                "/a/sessions",
                "/a/archived_sessions",
                "/b/sessions",
                "/b/archived_sessions",
            ],
            id="a list",
        ),
    ],
)
def test_codex_roots(environ: dict[str, str], expected: list[str]) -> None:
    assert roots("codex", **environ) == expected


def test_text_has_no_roots() -> None:
    assert roots("text") == []


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("-home-dev/s1.jsonl", ("s1", None), id="main"),
        pytest.param(
            "-home-dev/s1/subagents/agent-a1.jsonl",
            ("s1/agent-a1", "s1"),
            id="subagent",
        ),
        pytest.param(
            "-home-dev/s1/subagents/workflows/wf_1/agent-a1.jsonl",
            ("s1/agent-a1", "s1"),
            id="CC-050 started by a workflow",
        ),
        pytest.param(
            "-home-dev/agent-a1.jsonl", ("agent-a1", None), id="CC-054 flat subagent"
        ),
        pytest.param(
            "-home-dev/s1/subagents/agent-aside_question-0320a3d71bc1d01e.jsonl",
            ("s1/agent-0320a3d71bc1d01e", "s1"),
            id="CC-053 side question",
        ),
        *[
            pytest.param(f"-home-dev/{THREAD}{more}.jsonl", (THREAD, None), id=more)
            for more in (
                ".sync-conflict-20261130-101010-ABCDEFG",
                " (Ann's conflicted copy 2026-11-30)",
                " (conflicted copy 2026-11-30 101010)",
                "-LAPTOP",
                " 2",
            )
        ],
        pytest.param(
            "-home-dev/s1/subagents/agent-a1.sync-conflict-20261130-101010-ABCDEFG.jsonl",
            ("s1/agent-a1", "s1"),
            id="conflict file of a subagent",
        ),
        pytest.param("-home-dev/s1/subagents/journal.jsonl", None, id="CC-051 journal"),
        pytest.param("-home-dev/s1/subagents/agent-a1.meta.json", None, id="meta"),
        pytest.param("-home-dev/s1.json", None, id="other suffix"),
        pytest.param("-home-dev/s1/tool-results/x.jsonl", None, id="tool results"),
        pytest.param("loose.jsonl", None, id="not in a project"),
    ],
)
def test_claude_places(path: str, expected: tuple[str, str | None] | None) -> None:
    place = claude.place(tuple(path.split("/")))

    found = None if place is None else (place.session_id, place.parent_session_id)
    assert found == expected
    assert place is None or place.project is None  # CC-056: the name is never decoded


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param((), True, id="the root"),
        pytest.param(("-home",), True, id="a project"),
        pytest.param(("-home", "s1"), True, id="a session's folder"),
        pytest.param(("-home", "s1", "subagents"), True, id="subagents"),
        pytest.param(("-home", "s1", "subagents", "workflows", "w"), True, id="deep"),
        pytest.param(("-home", "s1", "tool-results"), False, id="spilled output"),
        pytest.param(("-home", "s1", "subagents", *"abcdefg"), False, id="too deep"),
    ],
)
def test_claude_enters(path: tuple[str, ...], *, expected: bool) -> None:
    assert claude.enters(path) is expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param(
            f"2026/11/21/rollout-2026-11-21T02-26-50-{THREAD}.jsonl", THREAD, id="dated"
        ),
        pytest.param(
            f"rollout-2026-11-21T02-26-50-{THREAD}.jsonl", THREAD, id="CX-052 archived"
        ),
    ],
)
def test_a_rollout_is_known_by_its_thread_wherever_it_lies(
    path: str, expected: str
) -> None:
    place = codex.place(tuple(path.split("/")))

    assert place is not None
    assert place.session_id == expected


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("history.jsonl", id="another log"),
        pytest.param(f"rollout-x-{THREAD}.jsonl.zst", id="CX-053 compressed"),
        pytest.param(f"rollout-x-{THREAD}.json", id="another suffix"),
    ],
)
def test_what_is_no_rollout(name: str) -> None:
    assert codex.place((name,)) is None


def test_a_rollout_without_an_id_is_still_read() -> None:
    place = codex.place(("rollout-2025.jsonl",))

    assert place is not None
    assert place.session_id is None


ROLLOUT = f"rollout-2026-11-21T02-54-25-{THREAD}.jsonl"


@pytest.mark.parametrize(
    ("account", "alike", "other"),
    [
        pytest.param(
            claude.account,
            [
                f"/home/u/.claude/projects/p/{THREAD}.jsonl",
                f"/home/u/.claude/projects/projects/{THREAD}/subagents/agent-1.jsonl",
            ],
            f"/home/u/projects/.claude/projects/p/{THREAD}.jsonl",
            id="claude",
        ),
        pytest.param(
            codex.account,
            [
                f"/home/u/.codex/sessions/2026/11/21/{ROLLOUT}",
                f"/home/u/.codex/archived_sessions/{ROLLOUT}",
            ],
            f"/home/u/sessions/codex/sessions/{ROLLOUT}",
            id="codex",
        ),
    ],
)
def test_an_account_is_the_folder_of_the_configuration(
    account: Callable[[str], str | None], alike: list[str], other: str
) -> None:
    keys = {account(each) for each in alike}

    assert len(keys) == 1
    assert keys.isdisjoint({None, account(other)})
    assert account("/tmp/output.jsonl") is None
