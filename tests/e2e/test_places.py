"""Reports by branch and account, following a switch in the middle of a session."""

from jarvisd.budgets.wire import ReportBudgetResult
from jarvisd.reports.wire import ReportUsageResult
from tests.e2e.client import Client
from tests.e2e.commands import jarvisctl
from tests.e2e.home import Home
from tests.e2e.rig import running_daemon
from tests.e2e.spending import PRICES, pay

CONFIG = """
[agents.claude]
roots = ["~/.claude-work"]

[[budgets]]
name = "work"
limit = 100
account = ".claude-work"

[[budgets]]
name = "fix"
limit = 100
branch = "fix"
"""


async def usage(client: Client, **params: str) -> list[tuple[str | None, int]]:
    """Return the key and the dollars of each row, the most expensive first."""
    report = await client.ask("report.usage", ReportUsageResult, **params)
    assert report.total.cost_micros == sum(each.cost_micros for each in report.rows)
    return [(each.key, each.cost_micros // 1_000_000) for each in report.rows]


def spend(home: Home) -> None:
    """Spend on two accounts, three branches and two projects."""
    home.configure(CONFIG + PRICES)
    own = home.transcript("shop", session="one")
    pay(own, 1, gitBranch="main", cwd="/home/me/shop")
    pay(own, 2, gitBranch="fix", cwd="/home/me/shop")
    pay(own, 4, gitBranch="fix", cwd="/home/me/shop")
    pay(
        home.transcript("demo", session="two"), 8, gitBranch="main", cwd="/home/me/demo"
    )
    work = home.folder / ".claude-work" / "projects" / "-w" / "three.jsonl"
    work.parent.mkdir(parents=True)
    pay(work, 16, gitBranch="fix", cwd="/home/me/shop")


async def test_each_response_counts_for_its_branch_and_account(home: Home) -> None:
    spend(home)
    async with running_daemon(home) as daemon:
        await daemon.sync()
        async with daemon.connected() as client:
            by_branch = await client.ask("report.usage", ReportUsageResult, by="branch")
            rows = [
                (each.key, each.project, each.cost_micros // 1_000_000)
                for each in by_branch.rows
            ]
            assert rows == [
                ("fix", "/home/me/shop", 22),
                ("main", "/home/me/demo", 8),
                ("main", "/home/me/shop", 1),
            ]
            assert await usage(client, by="account") == [
                (str(home.folder / ".claude-work"), 16),
                (str(home.folder / ".claude"), 15),
            ]
            assert await usage(client, by="session", branch="fix") == [
                ("three", 16),
                ("one", 6),
            ]
            assert await usage(client, by="project", account=".claude") == [
                ("/home/me/demo", 8),
                ("/home/me/shop", 7),
            ]
            assert await usage(client, by="model", branch="none") == []

            budgets = await client.ask("report.budget", ReportBudgetResult)
            assert [
                (each.name, each.spent_micros // 1_000_000) for each in budgets.budgets
            ] == [("work", 16), ("fix", 22)]


async def test_a_person_sees_branches_with_their_projects(home: Home) -> None:
    spend(home)
    async with running_daemon(home) as daemon:
        await daemon.sync()
        branches = await jarvisctl(home, "report", "branch")
        accounts = await jarvisctl(home, "report", "account", "--branch", "main")
        refused = await jarvisctl(home, "report", "blocks", "--branch", "main")

    first = branches.stdout.decode().splitlines()[1].split()
    assert first[:2] == ["fix", "shop"]
    assert "$22.00" in first
    assert ".claude" in accounts.stdout.decode()
    assert "$9.00" in accounts.stdout.decode()
    assert refused.returncode == 2
    assert b"cannot be limited to a branch" in refused.stderr
