"""How Claude Code words a limit, and what only a person can put right."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from jarvisd.core.event import ApiFailed, LimitReached, Trouble
from tests.agents.found import read_alone
from tests.ledger.books import line

TOLD = "2026-11-30T18:00:00.000Z"


def said(words: str, error: str | None = "rate_limit", **more: Any) -> tuple[Any, ...]:
    """Return the events of the message that ends a turn with *words*."""
    text = line(
        type="assistant",
        timestamp=more.pop("timestamp", TOLD),
        isApiErrorMessage=True,
        error=error,
        message={"model": "<synthetic>", "content": [{"type": "text", "text": words}]},
        **more,
    )
    record = read_alone("claude", text, offset=0)
    assert record is not None
    return record.events


def limit_of(words: str, **more: Any) -> LimitReached | None:
    return next(
        (each for each in said(words, **more) if isinstance(each, LimitReached)), None
    )


def moment(*parts: int) -> int:
    return round(datetime(*parts, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(
            "You've hit your session limit · resets 8:30pm (Asia/Tokyo)",
            (2026, 12, 1, 11, 30),
            id="the next day there",
        ),
        pytest.param(
            "You\u2019ve hit your session limit · resets 8:30pm (UTC)",
            (2026, 11, 30, 20, 30),
            id="the same day",
        ),
        pytest.param(
            "You're out of extra usage · resets 7pm (Europe/Berlin)",
            (2026, 11, 30, 18, 0),
            id="just now",
        ),
        pytest.param(
            "5-hour limit reached ∙ resets 12am (UTC)", (2026, 12, 1), id="midnight"
        ),
        pytest.param(
            "5-hour limit reached ∙ resets 12pm (UTC)", (2026, 12, 1, 12), id="noon"
        ),
        pytest.param(
            "Weekly limit reached · resets Dec 4, 9am (America/New_York)",
            (2026, 12, 4, 14),
            id="a date",
        ),
        pytest.param(
            "Opus weekly limit reached ∙ resets Jan 2, 9:05am (UTC)",
            (2027, 1, 2, 9, 5),
            id="a date of the next year",
        ),
        pytest.param(
            "Claude usage limit reached. Your limit will reset at 3pm (UTC).",
            (2026, 12, 1, 15),
            id="a sentence",
        ),
        pytest.param(
            "You've reached your Fable 5 limit · resets 9pm (UTC)",
            (2026, 11, 30, 21),
            id="of one model",
        ),
    ],
)
def test_a_limit_names_the_moment_at_which_it_is_reset(
    words: str, expected: tuple[int, ...]
) -> None:
    assert limit_of(words) == LimitReached(resets_at_ms=moment(*expected))


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/St_Johns"])
def test_without_a_zone_it_is_that_of_this_machine(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        here = limit_of("Session limit reached ∙ resets 9:15pm")
    finally:
        monkeypatch.undo()
        time.tzset()

    assert here is not None
    assert here == limit_of(f"Session limit reached ∙ resets 9:15pm ({zone})")


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("You've hit your session limit", id="no moment"),
        pytest.param("Weekly limit reached · resets Fri 9am", id="other words"),
        pytest.param("Session limit reached ∙ resets 3pm (Mars/Phobos)", id="no zone"),
        pytest.param("Session limit reached ∙ resets 3pm (../x)", id="no name of one"),
        pytest.param("Weekly limit reached · resets Feb 31, 9am (UTC)", id="no day"),
        pytest.param("Session limit reached ∙ resets 3:77pm (UTC)", id="no time"),
    ],
)
def test_a_limit_without_a_moment_that_we_know_is_a_limit(words: str) -> None:
    assert limit_of(words) == LimitReached()


def test_a_limit_of_no_time_is_a_limit() -> None:
    words = "Session limit reached ∙ resets 3pm (UTC)"

    assert limit_of(words, timestamp=None) == LimitReached()
    assert limit_of(words, timestamp="9999-12-31T23:59:59Z") is not None


@pytest.mark.parametrize(
    "words",
    [
        "Server is temporarily limiting requests (not your usage limit)",
        "API Error: Rate limit reached",
        "Overloaded",
        "API Error: 529 Overloaded. You've hit your head",
    ],
)
def test_what_the_provider_cannot_serve_just_now_is_no_limit(words: str) -> None:
    assert limit_of(words) is None


@pytest.mark.parametrize(
    ("words", "error", "expected"),
    [
        ("Not logged in · Please run /login", "unknown", Trouble.LOGGED_OUT),
        ("OAuth token revoked · Please run /login", None, Trouble.LOGGED_OUT),
        ("x", "authentication_failed", Trouble.LOGGED_OUT),
        ("Credit balance is too low", "billing_error", Trouble.NO_CREDIT),
        ("Your organization has been disabled", "billing_error", Trouble.DISABLED),
        ("x", "billing_error", Trouble.BILLING),
        ("API Error: 500", "unknown", Trouble.API_ERROR),
    ],
)
def test_what_a_person_has_to_see_to(
    words: str, error: str | None, expected: Trouble
) -> None:
    assert said(words, error) == (ApiFailed(error=error, trouble=expected),)


def test_a_program_is_told_of_an_error_itself() -> None:
    told = said("API Error: 500", None, entrypoint="sdk-cli")

    assert told == (ApiFailed(),)
    logged_out = said("Please run /login", None, entrypoint="sdk-cli")
    assert logged_out == (ApiFailed(trouble=Trouble.LOGGED_OUT),)
