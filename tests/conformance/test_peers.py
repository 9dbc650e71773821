"""Generated logs through the real ccusage, tokscale and daemon: every number compared.

The generator says what is true; the peers say what users are used to. Whatever differs
from a peer is one of the differences in differences.py, or a failure.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from jarvisd.overview.wire import SessionsListResult
from tests.conformance.differences import (
    KNOWN,
    ROUNDING,
    TOKENS,
    Difference,
    Facts,
    Known,
    differences,
    explanation,
)
from tests.conformance.generated import Json, Truth, generated
from tests.conformance.peers import (
    REPORTS,
    ZONES,
    ccusage,
    compatible,
    needs_peers,
    reported,
    tokscale,
)
from tests.conformance.shared import needs_shared
from tests.e2e.home import Home, temporary_home
from tests.e2e.rig import Daemon, running_daemon

pytestmark = [pytest.mark.conformance, needs_shared("tools"), needs_peers()]

NOT_OF_OLD_LOGS = {"the present block"}
"""What old logs cannot show; test_peers_present.py looks for it."""


@dataclass(frozen=True, slots=True)
class Told:
    """What was said of one home: by ccusage in all its reports, tokscale, the daemon."""

    truth: Truth
    theirs: dict[tuple[str, str], Json]
    ours: dict[tuple[str, str], Json]
    tokscale: Json
    models: Json
    sessions: SessionsListResult

    def facts(self, zone: str) -> Facts:
        """Return what differences are explained by."""
        days = self.ours["claude daily", zone]["daily"]
        return Facts(
            responses=self.truth.expected["messages"],
            spans=self.truth.spans,
            relatives=self.truth.families,
            unreal=self.truth.unreal,
            days={each["date"]: each for each in days},
        )

    def differences(self, report: str) -> Iterator[tuple[Difference, Known | None]]:
        """Give all between ccusage and the daemon, in every zone, as explained."""
        for zone in ZONES:
            asked, facts = (report, zone), self.facts(zone)
            for each in differences(report, self.theirs[asked], self.ours[asked]):
                yield each, explanation(each, facts)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Told]:
    folder = tmp_path_factory.mktemp("peers")
    truth = generated(folder / "logs")
    with temporary_home(folder / "home") as home:
        truth.corpus.link_into(home.folder)
        async with running_daemon(home) as daemon:
            await daemon.sync()
            yield await everything(truth, home, daemon)


async def everything(truth: Truth, home: Home, daemon: Daemon) -> Told:
    asked = [(report, zone) for report in REPORTS for zone in ZONES]
    return Told(
        truth=truth,
        theirs={each: ccusage(home.folder, *each) for each in asked},
        ours={each: await compatible(home, *each) for each in asked},
        tokscale=tokscale(home.folder, "models"),
        models=await reported(home, "model", "--json", "--tz", "UTC"),
        sessions=await daemon.ask("sessions.list", SessionsListResult),
    )


@pytest.mark.parametrize("report", REPORTS)
def test_ccusage_says_the_same_but_for_what_is_known(report: str, told: Told) -> None:
    found = told.differences(report)

    assert [each for each, known in found if known is None] == []


def test_every_known_difference_is_still_there(told: Told) -> None:
    found = (each for report in REPORTS for each in told.differences(report))
    seen = {known.where for _, known in found if known is not None}

    assert seen == {each.where for each in KNOWN} - NOT_OF_OLD_LOGS


def test_a_fork_and_its_original_have_the_same_together(told: Told) -> None:
    theirs, ours = (
        by_family(each["session", "UTC"]["session"], told.truth.families)
        for each in (told.theirs, told.ours)
    )

    assert theirs
    assert ours == theirs


def by_family(
    rows: Iterable[Json], families: dict[str, frozenset[str]]
) -> dict[frozenset[str], Counter[str]]:
    """Return the tokens of each family."""
    sums: dict[frozenset[str], Counter[str]] = {}
    for row in rows:
        if row["period"] in families:
            family = sums.setdefault(families[row["period"]], Counter())
            family.update({name: row[name] for name in TOKENS})

    return sums


def test_the_generator_says_the_same_of_every_model(told: Told) -> None:
    expected = told.truth.expected
    totals = {
        row["key"]: (
            row["tokens"]["input"],
            row["tokens"]["cache_read"],
            row["tokens"]["cache_write_5m"],
            row["tokens"]["cache_write_1h"],
            row["tokens"]["output"],
            row["tokens"]["reasoning"],
        )
        for row in told.models["rows"]
    }

    buckets = ("input", "cache_read", "cache_5m", "cache_1h", "output", "reasoning")
    assert totals == {
        model: tuple(each.get(name, 0) for name in buckets)
        for model, each in expected["totals"].items()
    }
    assert told.models["total"]["responses"] == expected["messages"]
    assert told.models["total"]["unpriced"] == 0


def test_the_generator_says_the_same_of_every_session(told: Told) -> None:
    found: dict[str, Counter[str]] = {}
    for each in told.sessions.sessions:
        root = each.parent_session_id or each.session_id
        figures = {
            "messages": each.assistant_messages,
            "input": each.tokens.input,
            "output": each.tokens.output,
            "cache_read": each.tokens.cache_read,
        }
        found.setdefault(root, Counter()).update(figures)

    truth, families = told.truth.expected, told.truth.families
    assert len(found) == truth["sessions_n"]
    assert alone(found, families) == alone(
        {name: figures_of(each) for name, each in truth["sessions"].items()}, families
    )
    assert sum(found.values(), Counter())["messages"] == truth["messages"]


def alone(
    figures: dict[str, Counter[str]], families: dict[str, frozenset[str]]
) -> dict[str, Counter[str]]:
    """Leave out sessions of which the generator alone knows what is whose."""
    return {name: each for name, each in figures.items() if name not in families}


def figures_of(session: Json) -> Counter[str]:
    """Return what the generator says that *session* came to."""
    figures = Counter(messages=session["messages"])
    for tokens in session["tokens"].values():
        figures.update(
            {name: tokens[name] for name in ("input", "output", "cache_read")}
        )

    return figures


def test_tokscale_counts_the_same_tokens(told: Told) -> None:
    theirs = {
        each["model"]: (
            each["input"],
            each["cacheRead"],
            each["cacheWrite"],
            # It keeps reasoning apart from output.
            each["output"] + each["reasoning"],
            each["reasoning"],
            each["messageCount"],
        )
        for each in told.tokscale["entries"]
    }

    assert theirs == {
        undated(row["key"]): (
            row["tokens"]["input"],
            row["tokens"]["cache_read"],
            row["tokens"]["cache_write_5m"] + row["tokens"]["cache_write_1h"],
            row["tokens"]["output"],
            row["tokens"]["reasoning"],
            row["responses"],
        )
        for row in told.models["rows"]
    }


# Dollars for a million tokens of input, of the models whose prices tokscale has built in.
BUILT_IN = {"claude-opus-4-5": 5.0, "claude-sonnet-4-5": 3.0, "claude-haiku-4-5": 1.0}


def test_tokscale_prices_some_models_and_an_hour_in_the_cache_as_five_minutes(
    told: Told,
) -> None:
    costs = {each["model"]: each["cost"] for each in told.tokscale["entries"]}
    for row in told.models["rows"]:
        model = undated(row["key"])
        if model not in BUILT_IN:
            assert costs[model] == 0, model
            continue

        # Two times the price of input against one and a quarter.
        less = row["tokens"]["cache_write_1h"] * 0.75 * BUILT_IN[model] / 1e6
        ours = row["cost_micros"] / 1e6
        assert less > 0, model
        assert costs[model] + less == pytest.approx(
            ours, rel=0, abs=row["responses"] * ROUNDING
        )


def undated(model: str) -> str:
    """Return the name of *model* without a date at its end, as tokscale calls it."""
    name, _, end = model.rpartition("-")
    return name if len(end) == 8 and end.isdecimal() else model
