"""What `load` makes of file, environment and flags."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from jarvisd import config
from jarvisd.base.errors import EXIT_USAGE, ConfigError
from jarvisd.config import AgentSettings, Config, FifoSettings, LogLevel

FILE = Path("/home/ann/.config/jarvisd/config.toml")
AGENTS = ("claude", "codex")


def load(text: str | None = None, argv: Sequence[str] = (), **environ: str) -> Config:
    return config.load(
        argv,
        {"HOME": "/home/ann", **environ},
        text,
        path=FILE,
        known_agents=AGENTS,
    )


def refusal(text: str | None = None, argv: Sequence[str] = (), **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(text, argv, **environ)

    assert caught.value.exit_status == EXIT_USAGE
    return str(caught.value)


def test_without_a_file_everything_has_a_default() -> None:
    loaded = load(XDG_RUNTIME_DIR="/run/user/7")

    assert loaded == Config(
        store=Path("/home/ann/.local/state/jarvisd/jarvisd.db"),
        socket=Path("/run/user/7/jarvisd/rpc.sock"),
    )


def test_a_whole_file_is_read() -> None:
    loaded = load("""
        store = "~/history.db"
        log_level = "debug"
        scan_interval_s = 5
        exclude = ["~/secret/*"]
        fifos = [{ path = "~/pipe", agent = "codex" }, { path = "/run/other" }]

        [agents.claude]
        roots = ["~/work/.claude"]

        [agents.codex]
        enabled = false
    """)

    assert loaded.store == Path("/home/ann/history.db")
    assert loaded.log_level is LogLevel.DEBUG
    assert loaded.scan_interval_s == 5.0
    assert loaded.exclude == ("/home/ann/secret/*",)
    assert loaded.fifos == (
        FifoSettings(path=Path("/home/ann/pipe"), agent="codex"),
        FifoSettings(path=Path("/run/other"), agent="text"),
    )
    assert loaded.agent("claude").roots == (Path("/home/ann/work/.claude"),)
    assert loaded.agent("codex") == AgentSettings(enabled=False)
    assert loaded.agent("gemini") == AgentSettings()


@pytest.mark.parametrize(
    ("text", "environ", "argv", "store", "origin"),
    [
        pytest.param(
            "", {}, [], "/home/ann/.local/state/jarvisd/jarvisd.db", None, id="default"
        ),
        pytest.param('store = "/f"', {}, [], "/f", str(FILE), id="file"),
        pytest.param(
            'store = "/f"',
            {"JARVISD_STORE": "/e"},
            [],
            "/e",
            "JARVISD_STORE",
            id="environment over file",
        ),
        pytest.param(
            'store = "/f"',
            {"JARVISD_STORE": "/e"},
            ["--store", "/a"],
            "/a",
            "--store",
            id="flag over environment",
        ),
        pytest.param(
            'store = "/f"',
            {"JARVISD_STORE": ""},
            [],
            "/f",
            str(FILE),
            id="an empty variable says nothing",
        ),
    ],
)
def test_who_speaks_last(
    text: str,
    environ: dict[str, str],
    argv: list[str],
    store: str,
    origin: str | None,
) -> None:
    loaded = load(text, argv, **environ)

    assert loaded.store == Path(store)
    assert loaded.origins.get("store") == origin


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            "log_lvl = 'info'",
            "unknown key `log_lvl`; did you mean `log_level`?",
            id="unknown key",
        ),
        pytest.param(
            "notify.quite = ''",
            "unknown key `notify.quite`; did you mean `notify.quiet`?",
            id="unknown key of notifications",
        ),
        pytest.param(
            "zzz = 1",
            "unknown key `zzz`; there are agents, alarms, budgets, conversations, exclude, fifos, jump, log_level, "
            "notify, prices, scan_interval_s, segments, sinks, store",
            id="unknown key like no other",
        ),
        pytest.param(
            "[agents.claude]\nenable = true",
            "unknown key `agents.claude.enable`; did you mean `agents.claude.enabled`?",
            id="unknown key of an agent",
        ),
        pytest.param(
            "fifos = [{path = '/p', agnt = 'codex'}]",
            "unknown key `fifos[0].agnt`; did you mean `fifos[0].agent`?",
            id="unknown key of a pipe",
        ),
        pytest.param(
            "[[budgets]]\nname = 'b'\nlimit = 5\ncurrency = 'EUR'",
            "unknown key `budgets[0].currency`; there are account, agent, branch, "
            "forecast, limit, name, period, project, session, warn_at",
            id="a budget in another currency",
        ),
        pytest.param(
            "[[budgets]]\nname = 'b'\nlimit = -5",
            "`budgets[0].limit`: expected `float` >= 1e-06",
            id="a budget of less than nothing",
        ),
        pytest.param(
            "[[budgets]]\nname = 'b'\nlimit = 4e-7",
            "`budgets[0].limit`: expected `float` >= 1e-06",
            id="a budget that would round to nothing",
        ),
        pytest.param(
            "[[budgets]]\nname = 'b'\nlimit = 5\nwarn_at = [-80]",
            "`budgets[0].warn_at[0]`: expected `int` >= 1",
            id="a negative share",
        ),
        pytest.param(
            "[[budgets]]\nname = 'b'\nlimit = 5\nperiod = 'year'",
            "`budgets[0].period`: expected one of day, week, month, session, "
            "got 'year'",
            id="a period that is none",
        ),
        pytest.param(
            "[[budgets]]\nname = 'b'\nlimit = 5\nagent = 'cluade'",
            "`budgets[0].agent`: no agent `cluade`; did you mean `claude`?",
            id="a budget of an unknown agent",
        ),
        pytest.param(
            "[[budgets]]\nname = 'b'\nlimit = 5\n[[budgets]]\nname = 'c'\nlimit = 9",
            "`budgets[1]` limits the same as `budgets[0]`: keep one, with several `warn_at`",
            id="two budgets of the same",
        ),
        pytest.param(
            "[[budgets]]\nname = 'b'\nlimit = 5\n[[budgets]]\nname = 'b'\nlimit = 9",
            "`budgets[1].name` is 'b', which is the name of another budget",
            id="two budgets of one name",
        ),
        pytest.param(
            "[[budgets]]\nname = 'My budget'\nlimit = 5",
            "`budgets[0].name` is 'My budget': expected up to 64 of a-z, 0-9, - and _",
            id="a name that is none",
        ),
        pytest.param(
            "[agents.cluade]\nenabled = true",
            "`agents.cluade`: no agent `cluade`; did you mean `claude`?",
            id="unknown agent",
        ),
        pytest.param(
            "fifos = [{path = '/p', agent = 'codx'}]",
            "`fifos[0].agent`: no agent `codx`; did you mean `codex`?",
            id="unknown agent of a pipe",
        ),
        pytest.param(
            "agents.claude.enabled = 'no'",
            "`agents.claude.enabled` is 'no': expected `bool`, got `str`",
            id="wrong type",
        ),
        pytest.param(
            "scan_interval_s = true",
            "`scan_interval_s` is True: expected `float`, got `bool`",
            id="a bool is no number",
        ),
        pytest.param(
            "scan_interval_s = 0",
            "`scan_interval_s` is 0: expected `float` >= 0.2",
            id="out of range",
        ),
        pytest.param(
            "scan_interval_s = nan",
            "`scan_interval_s` is nan: expected `float` >= 0.2",
            id="not a number",
        ),
        pytest.param(
            "log_level = 'loud'",
            "`log_level` is 'loud': expected one of debug, info, warning, error",
            id="not one of",
        ),
        pytest.param(
            "exclude = ['/a', 3]",
            "`exclude[1]`: expected `str`, got `int`",
            id="wrong type in a list",
        ),
        pytest.param(
            "fifos = [{agent = 'codex'}]",
            "`fifos[0]`: object missing required field `path`",
            id="missing key",
        ),
        pytest.param(
            "store = 'here.db'",
            "`store` is 'here.db': expected a path that begins with / or ~/",
            id="relative path",
        ),
        pytest.param(
            "agents.claude.roots = [7]",
            "`agents.claude.roots[0]`: expected a path, got int",
            id="path of wrong type",
        ),
        pytest.param(
            "agents = 3",
            "`agents` is 3: expected a table such as [agents.NAME]",
            id="no table of agents",
        ),
        pytest.param(
            "agents.claude = 3",
            "`agents.claude` is 3: expected a table such as [agents.NAME]",
            id="no table of an agent",
        ),
        pytest.param(
            "socket = '/run/s'",
            "`socket` cannot be set here: jarvisctl and status lines would not find "
            "it; set JARVISD_SOCKET, which they read as well",
            id="not in the file",
        ),
        pytest.param(
            "store = '/s'\nlog_level = ",
            "not TOML: Invalid value (at end of document)",
            id="torn file",
        ),
        pytest.param(
            "store = '/s'\n\n= 3\n",
            "not TOML: Invalid statement (at line 3, column 1)",
            id="syntax names the line",
        ),
    ],
)
def test_what_is_wrong_in_the_file_is_named(text: str, problem: str) -> None:
    assert refusal(text) == f"{FILE}: {problem}"


def test_a_wrong_variable_is_named() -> None:
    assert refusal(JARVISD_LOG_LEVEL="loud") == (
        "JARVISD_LOG_LEVEL: `log_level` is 'loud': "
        "expected one of debug, info, warning, error"
    )


def test_a_wrong_flag_is_named() -> None:
    assert refusal(argv=["--log-level=loud"]).startswith("--log-level: `log_level`")
    assert "--stroe" in refusal(argv=["--stroe", "/x"])


def test_flags_take_paths_as_a_shell_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert load(argv=["--socket", "s"]).socket == tmp_path / "s"


@pytest.mark.parametrize(
    ("path", "excluded"),
    [
        pytest.param("/home/ann/secret", True, id="the folder"),
        pytest.param("/home/ann/secret/a/b.jsonl", True, id="all below it"),
        pytest.param("/home/ann/secrets/a.jsonl", False, id="not its neighbour"),
        pytest.param("/home/ann/x/-home-ann-client-a/b.jsonl", True, id="a glob"),
        pytest.param("/home/ann/x/-home-ann/b.jsonl", False, id="others"),
    ],
)
def test_what_is_excluded(path: str, *, excluded: bool) -> None:
    loaded = load('exclude = ["~/secret", "*/-home-ann-client-*"]')

    assert loaded.excluder()(path) is excluded


def test_nothing_is_excluded_by_default() -> None:
    assert not load().excluder()("/home/ann/a.jsonl")
