"""What the last words of a turn ask, by the cases of the formats."""

import pytest

from jarvisd.agents._shared.cue import MAX_CHARS, asks

ASKING = [
    "PR is ready. Let me know if it needs tweaks",
    "**What now?**",
    "Should I go on?",
    "Should I go on?\n\n1. Yes\n2. No",
    "Which one would you like?\n- the left\n- the right",
    "I looked at both. Which one? The first is faster.",
    'Shall I delete "x"?',
    "Done. wdyt?",
    "Shall I commit? Your call.",
    "I'll wait for your go-ahead.",
    "Awaiting your go-ahead",
    "Waiting for your approval.",
    "Ready for your review.",
    "Confirm the migration",
    "Please approve the plan.",
    "Tell me which one to take.",
    "\u4f60\u8981\u54ea\u4e2a\uff1f",
    "\u0647\u0644\u061f",
    "\u039d\u03b1\u037e",
    "x" * MAX_CHARS + ". What now?",
    f"```\n{'x' * MAX_CHARS}\n```\nShall I proceed?",
]
SAYING = [
    "",
    "ok",
    "Done. The tests pass.",
    "I'll wait for its completion notification",
    "I'll wait for their completion before going on.",
    "See https://example.org/?q=1",
    "It calls `what?` now.",
    "It prints:\n```\nGo on?\n```",
    "It prints:\n```\nGo on?",
    "Why did it fail? Because the disk was full.",
    "All tests confirm that it works.",
    "I can confirm the tests pass.",
    "The script asks 'continue?' before it exits.",
    "What did I find? Nothing.\n\nSo all is well.",
    "Waiting for the tests to finish before your deploy.",
    "<!-- next? --> All done.",
    "What now? " + "x" * MAX_CHARS,
    f"```\n{'x' * MAX_CHARS}\nWhat now?\n```\n",
]


@pytest.mark.parametrize("text", ASKING)
def test_words_that_ask(text: str) -> None:
    assert asks(text)


@pytest.mark.parametrize("text", SAYING)
def test_words_that_ask_nothing(text: str) -> None:
    assert not asks(text)


def test_hostile_words_cost_no_more_than_others() -> None:
    for text in ("```" * 10_000, "?\n" * 10_000, "`" * 30_000 + "?", "* " * 9_000):
        asks(text)
