"""Budgets with the real daemon: warned of once, answered exactly, watched by scripts."""

import json
from functools import partial
from typing import Any

import msgspec
import pytest

from jarvisd.base.errors import EXIT_BUDGET_WARNED
from jarvisd.budgets.model import BudgetWarning
from jarvisd.budgets.wire import ReportBudgetResult
from jarvisd.overview.health_wire import HealthResult
from jarvisd.reports.wire import ReportUsageResult
from jarvisd.rpc.client_wire import SubscribeResult
from tests.e2e.client import Client, RpcError
from tests.e2e.commands import jarvisctl, started
from tests.e2e.home import Home
from tests.e2e.rig import Daemon, running_daemon
from tests.e2e.spending import PRICES, pay, written
from tests.support import eventually

MONTH = """
[[budgets]]
name = "month"
limit = 10
forecast = false
"""


def configure(home: Home, *budgets: str) -> None:
    home.configure("\n".join((*budgets, PRICES)))


async def report(client: Client, **params: Any) -> ReportBudgetResult:
    return await client.ask("report.budget", ReportBudgetResult, **params)


async def next_warning(client: Client) -> BudgetWarning:
    event = await client.next_event()
    assert event.topic == "budget"
    return msgspec.json.decode(event.data, type=BudgetWarning)


async def warnings_of(daemon: Daemon, number: int) -> list[int | None]:
    """Return the shares warned of, once there are *number*."""

    async def shares() -> list[int | None]:
        async with daemon.connected() as client:
            return [each.share for each in (await report(client)).warnings]

    async def are_there() -> bool:
        return len(await shares()) >= number

    await eventually(are_there)
    return await shares()


async def test_a_share_is_warned_of_once_over_restarts(home: Home) -> None:
    configure(home, MONTH)
    path = home.transcript()
    async with running_daemon(home) as daemon:
        async with daemon.connected() as client:
            await client.ask("subscribe", SubscribeResult, topics=["budget"])
            pay(path, 8)
            first = await next_warning(client)
            pay(path, 3)
            second = await next_warning(client)

        assert (first.share, first.budget.spent_micros) == (80, 8_000_000)
        assert (second.share, second.budget.spent_micros) == (100, 11_000_000)
        assert second.number > first.number

        await daemon.kill()
        await daemon.start()
        pay(path, 1)
        await daemon.sync()
        async with daemon.connected() as client:
            found = await report(client)
            assert [each.budget.percent for each in found.warnings] == [80.0, 110.0]
            assert found.budgets[0].percent == 120.0


async def test_the_sum_is_that_of_the_report(home: Home) -> None:
    configure(home, MONTH, '[[budgets]]\nname="shop"\nlimit=100\nproject="shop"')
    demo, shop = home.transcript(), home.transcript("shop")
    pay(demo, 3)
    pay(shop, 4, cwd="/home/me/shop")
    async with running_daemon(home) as daemon:
        await daemon.sync()
        async with daemon.connected() as client:
            found = await report(client)
            total = (await client.ask("report.usage", ReportUsageResult)).total

    assert [each.spent_micros for each in found.budgets] == [7_000_000, 4_000_000]
    assert found.budgets[0].spent_micros == total.cost_micros


async def test_what_was_spent_before_this_period_is_not_warned_of(home: Home) -> None:
    configure(home, MONTH)
    path = home.transcript()
    pay(path, 50, timestamp=written(days_ago=40))
    pay(path, 1)
    async with running_daemon(home) as daemon:
        await daemon.sync()
        async with daemon.connected() as client:
            found = await report(client)

    assert (found.budgets[0].percent, found.warnings) == (10.0, [])


async def test_budgets_change_without_a_restart(home: Home) -> None:
    configure(home)
    path = home.transcript()
    async with running_daemon(home) as daemon:
        pay(path, 5)
        await daemon.sync()
        async with daemon.connected() as client:
            assert (await report(client)).budgets == []

            configure(home, MONTH.replace("10", "5"))
            changed = await client.ask("config.reload", dict)
            assert (changed["changed"], changed["needs_restart"]) == (["budgets"], [])

        pay(path, 1)
        assert await warnings_of(daemon, 1) == [100]


async def test_an_unknown_budget_is_refused_with_those_that_are_known(
    home: Home,
) -> None:
    configure(home, MONTH)
    async with running_daemon(home) as daemon, daemon.connected() as client:
        with pytest.raises(RpcError, match=r"there is no budget 'year'.*month"):
            await report(client, name="year")


@pytest.mark.parametrize(
    ("dollars", "status"), [(7, 0), (8, EXIT_BUDGET_WARNED), (10, 1)]
)
async def test_a_script_is_shown_by_the_exit_status(
    home: Home, dollars: int, status: int
) -> None:
    configure(home, MONTH)
    pay(home.transcript(), dollars)
    async with running_daemon(home) as daemon:
        await daemon.sync()
        done = await jarvisctl(home, "report", "budget", "--check")

    assert done.returncode == status, done.stderr
    assert f"${dollars}.00" in done.stdout.decode()
    assert f"{dollars}0%" in done.stdout.decode()


async def test_a_filter_that_matches_nothing_is_pointed_out(home: Home) -> None:
    configure(home, MONTH.replace("limit", 'project = "shpo"\nlimit'))
    pay(home.transcript("shop"), 9)
    async with running_daemon(home) as daemon:
        await daemon.sync()
        done = await jarvisctl(home, "report", "budget")

    assert b"month: nothing that matches was spent yet" in done.stderr


async def test_a_person_is_notified_once_over_restarts_of_the_notifier(
    home: Home,
) -> None:
    configure(home, MONTH)
    path = home.transcript()
    async with running_daemon(home) as daemon:
        pay(path, 1)
        await daemon.sync()
        notifier = await started(home, "notify", "--json", "--by", "bell")
        async with notifier:
            stdout = notifier.stdout
            assert stdout is not None
            await eventually(partial(_subscribed, daemon))
            pay(path, 8)
            line = json.loads(await stdout.receive())["notice"]
            notifier.terminate()

        assert line["title"] == "budget month: 80 % spent"
        assert line["body"] == "$9.00 of $10.00, month"
        assert line["budget"]["percent"] == 90.0

        pay(path, 2)
        assert await warnings_of(daemon, 2) == [80, 100]
        again = await started(home, "notify", "--json", "--by", "bell")
        async with again:
            stdout = again.stdout
            assert stdout is not None
            line = json.loads(await stdout.receive())["notice"]
            again.terminate()

        assert line["title"] == "budget month: 100 % spent"


async def test_the_first_notifier_shows_warnings_of_the_last_day(home: Home) -> None:
    configure(home, MONTH)
    path = home.transcript()
    async with running_daemon(home) as daemon:
        pay(path, 9)
        assert await warnings_of(daemon, 1) == [80]
        notifier = await started(home, "notify", "--json", "--by", "bell")
        async with notifier:
            stdout = notifier.stdout
            assert stdout is not None
            line = json.loads(await stdout.receive())["notice"]
            notifier.terminate()

    assert line["title"] == "budget month: 80 % spent"


async def _subscribed(daemon: Daemon) -> bool:
    async with daemon.connected() as client:
        health = await client.ask("health", HealthResult)
        return health.subscriptions >= 1
