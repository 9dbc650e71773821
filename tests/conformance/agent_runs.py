"""All recorded runs of all agents: what was really sent, and what is counted of it.

The truth is what went over the wire. What an agent's log cannot hold of it is data, in
`expectations`.
"""

import json
import re
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.agents.found import AGENTS
from tests.books.process import Process
from tests.conformance.expectations import Expected, Gap, expected_of
from tests.conformance.shared import SHARED

FIGURES = (
    "requests",
    "input_uncached",
    "cache_read",
    "cache_write",
    "output",
    "reasoning",
)
_LAB = re.compile("(?:mcp_+)?(?:lab[-_/]+)?(echo|boom)")
"""The tools of the recorder's MCP server, as each agent writes their names."""


class CallCount(NamedTuple):
    """How often a tool was called, and how often that failed and was denied."""

    calls: int
    errors: int
    denials: int


NO_CALLS = CallCount(0, 0, 0)
Calls = dict[str, CallCount]


class Run(NamedTuple):
    """One recorded run: the agent as it is called here, and the recording."""

    agent: str
    home: Path

    @property
    def name(self) -> str:
        """Return the name of the recording, such as `corpus/killed`."""
        return f"{self.home.parents[1].name}/{self.home.name}"

    @property
    def expected(self) -> Expected:
        """Return the expectations of the agent."""
        return expected_of(self.agent)

    @property
    def gaps(self) -> list[Gap]:
        """Return the gaps of its log."""
        gaps = self.expected.gaps
        return [each for each in gaps if fnmatchcase(self.name, each.runs)]

    @property
    def truth(self) -> dict[str, Any]:
        """Return the truth of the wire."""
        truth: dict[str, Any] = json.loads((self.home / "truth.json").read_bytes())
        return truth


@dataclass(slots=True)
class Account:
    """What one run came to; None is what cannot be compared.

    Attributes:
        tokens: By figure, over all sessions.
        models: The models that answered.
        sessions: The ids of those that people began, or how many these are.
        subagents: The ids of those that sessions began, or how many these are.
        prompts: How many prompts people gave.
        errors: How many requests failed for good.
        calls: By tool.

    """

    tokens: dict[str, int]
    models: set[str] | None
    sessions: set[str] | int | None
    subagents: set[str] | int | None
    prompts: int | None
    errors: int | None
    calls: Calls | None


def agent_runs(*agents: str) -> list[Any]:
    """Return a parameter for each run of *agents*; without any, of all agents."""
    return [
        pytest.param(Run(agent, home), id=f"{agent}-{home.parents[1].name}-{home.name}")
        for agent in agents or AGENTS.names
        for folder in ("corpus", "recordings")
        for name in expected_of(agent).recorded_as or (agent,)
        for home in sorted((SHARED / folder / name).glob("*/"))
    ]


def configure(run: Run, state: Path, home: Path | None = None) -> None:
    """Write the configuration that a daemon needs for *run* to its folder *state*."""
    roots = [str((home or run.home) / each) for each in run.expected.roots]
    if roots:
        path = state / "config/jarvisd/config.toml"
        path.parent.mkdir(parents=True)
        path.write_text(f"[agents.{run.agent}]\nroots = {json.dumps(roots)}\n")


def differences(run: Run, found: Account) -> list[str]:
    """Return the differences from what was sent, for people."""
    truth = sent(run)
    if isinstance(truth.sessions, set) and isinstance(found.subagents, set):
        truth.sessions -= found.subagents  # truth files name the sessions of some

    wrong = [
        f"{name}: {truth.tokens[name]} sent, {found.tokens[name]} counted"
        for name in FIGURES
        if truth.tokens[name] != found.tokens[name]
    ]
    for name in ("models", "sessions", "subagents", "prompts", "errors"):
        expected, value = getattr(truth, name), getattr(found, name)
        if isinstance(expected, int) and isinstance(value, set):
            value = len(value)

        if expected is not None and expected != value:
            wrong.append(f"{name}: {expected} sent, {value} counted")

    return [*wrong, *_wrong_calls(run, truth.calls, found.calls)]


# What was sent


def sent(run: Run) -> Account:
    """Return the part of the truth of *run* that the agent's log can hold."""
    truth, gaps = run.truth, run.gaps
    less: Counter[str] = Counter()
    for gap in gaps:
        less.update(gap.less)

    unknown = {subject for gap in gaps for subject in gap.unknown}
    models = {old: new for gap in gaps for old, new in gap.models.items()}
    ids = set(truth["session_ids"])
    found = Account(
        tokens=_tokens(truth, gaps, less),
        models={models.get(each, each) for each in truth["usage_by_model"]},
        sessions=ids or len(truth["invocations"]),
        subagents=len(truth["subagents"]),
        prompts=len(truth["user_prompts"]) - less["prompts"],
        errors=_given_up(truth) - less["errors"],
        calls=_calls_sent(truth, gaps),
    )
    if not truth["user_prompts"]:
        found.prompts = None  # they were not recorded

    for subject in unknown:
        setattr(found, subject, None)

    return found


def _tokens(
    truth: dict[str, Any], gaps: list[Gap], less: Counter[str]
) -> dict[str, int]:
    completed, total = truth["usage_completed"], truth["usage_total"]
    parts = [gap.aborted_output for gap in gaps if gap.aborted_output is not None]
    tokens = dict(total)
    if any(gap.aborted for gap in gaps):
        tokens = dict(completed)
    elif parts:
        cut = parts[-1] * len(truth["aborted"])
        tokens["output"] = completed["output"] + cut

    kinds = {kind for gap in gaps for kind in gap.kinds}
    for kind in kinds & truth["usage_by_kind"].keys():
        for name in FIGURES:
            tokens[name] -= truth["usage_by_kind"][kind][name]

    for name in FIGURES:
        tokens[name] -= less[name]

    tokens |= {name: 0 for gap in gaps for name in gap.figures}
    return tokens | {name: each for gap in gaps for name, each in gap.instead.items()}


def _given_up(truth: dict[str, Any]) -> int:
    """Return the number of steps that the server refused for good."""
    refused = {
        (each["lane"], each["step"])
        for each in truth["requests_failed"]
        if each["status"] < 500  # an overload is tried again until it is over
    }
    return len(refused)


def _calls_sent(truth: dict[str, Any], gaps: list[Gap]) -> Calls:
    renamed = {old: new for gap in gaps for old, new in gap.renamed.items()}
    unlogged = {tool for gap in gaps for tool in gap.tools}
    calls: Calls = {}
    for each in truth["tool_calls"]:
        if unlogged.isdisjoint((each["name"], each["id"])):
            tool = _logged_as(each, renamed)
            before, outcome = calls.get(tool, NO_CALLS), each["expect"]
            calls[tool] = CallCount(
                before.calls + 1,
                before.errors + (outcome == "error"),
                before.denials + (outcome == "denied"),
            )

    return calls


def _wrong_calls(run: Run, sent_calls: Calls | None, found: Calls | None) -> list[str]:
    """Return the tools whose calls are not as they were sent.

    Of a call that was killed, or whose outcome the scenario leaves open, any is right.
    """
    if sent_calls is None or found is None:
        return []

    renamed = {old: new for gap in run.gaps for old, new in gap.renamed.items()}
    silent = {_plain(tool) for gap in run.gaps for tool in gap.outcomes}
    vague = Counter(
        _logged_as(each, renamed)
        for each in run.truth["tool_calls"]
        if each["expect"] in {"?", "killed"}
    )
    wrong = []
    for tool in sorted(sent_calls.keys() | found.keys()):
        expected, value = sent_calls.get(tool, NO_CALLS), found.get(tool, NO_CALLS)
        beyond = (value.errors - expected.errors, value.denials - expected.denials)
        is_right = min(beyond) >= 0 and sum(beyond) <= vague[tool]
        if value.calls != expected.calls or not (is_right or tool in silent):
            wrong.append(f"{tool}: {expected} sent, {value} counted")

    return wrong


def _logged_as(call: dict[str, Any], renamed: dict[str, str]) -> str:
    """Return the name that a *call* on the wire has in the log."""
    names = (renamed.get(call[each]) for each in ("id", "name"))
    return _plain(next(filter(None, names), call["name"]))


def _plain(tool: str) -> str:
    lab = _LAB.fullmatch(tool)
    return tool if lab is None else f"lab/{lab[1]}"


# What was counted


def counted(daemon: Process, agent: str) -> Account:
    """Return the answers of *daemon* about the sessions of *agent*."""
    listed = daemon.ask("sessions.list", agent=agent)["sessions"]
    mains = [each for each in listed if not each["parent_session_id"]]
    usage = daemon.ask("report.usage", by="model")["rows"]
    rows = daemon.ask("report.tools")["rows"]

    def total(*buckets: str) -> int:
        return sum(each["tokens"][name] for each in listed for name in buckets)

    return Account(
        tokens={
            "requests": sum(each["assistant_messages"] for each in listed),
            "input_uncached": total("input"),
            "cache_read": total("cache_read"),
            "cache_write": total("cache_write_5m", "cache_write_1h"),
            "output": total("output"),
            "reasoning": total("reasoning"),
        },
        models={each["key"] for each in usage},
        sessions={each["session_id"] for each in mains},
        subagents={each["session_id"] for each in listed if each["parent_session_id"]},
        prompts=sum(each["prompts"] for each in mains),
        errors=sum(each["api_errors"] for each in listed),
        calls={
            _plain(each["name"]): CallCount(
                each["calls"], each["errors"], each["denials"]
            )
            for each in rows
            if each["kind"] in {"tool", "mcp", "subagent"}
        },
    )


def books(daemon: Process) -> dict[str, Any]:
    """Return all that *daemon* counted, without what comes and goes with time."""
    listed = daemon.ask("sessions.list")["sessions"]
    return {
        "sessions": [{**each, "state": None, "revision": None} for each in listed],
        "usage": daemon.ask("report.usage", by="model")["rows"],
        "tools": daemon.ask("report.tools")["rows"],
    }


def problems(daemon: Process) -> list[Any]:
    """Return the faults of sources that *daemon* reports."""
    blocks = daemon.ask("blocks.list")["blocks"]
    found: list[Any] = [each for each in blocks if each["malformed_count"]]
    return found + [
        each
        for each in daemon.ask("sources.list", problems=True)["sources"]
        if each["error"]
    ]
