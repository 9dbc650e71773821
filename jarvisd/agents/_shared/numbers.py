"""The valid range of each number that agents write: what is outside of it is absent.

The ranges are far beyond what any agent has written, and far below where arithmetic on
the numbers, their sums, their prices and SQLite's integers would end.
"""

from typing import Annotated

from msgspec import Meta

TokenCount = Annotated[int, Meta(ge=0, le=2**40)]
"""Tokens of a response, of a thread or of a context window: up to a million million."""

Requests = Annotated[int, Meta(ge=0, le=1_000_000)]
"""Requests, attempts or subagents of one response or turn."""

Ordinal = Annotated[int, Meta(ge=0, le=2**53 - 1)]
"""The agent's own number of a line."""

OrdinalText = Annotated[str, Meta(pattern=r"^[0-9]{1,15}$")]

Pid = Annotated[int, Meta(ge=0, le=2**31 - 1)]
ExitCode = Annotated[int, Meta(ge=-(2**31), le=2**32 - 1)]
"""Signed on Unix, unsigned on Windows."""

HttpStatus = Annotated[int, Meta(ge=0, le=999)]

Milliseconds = Annotated[int, Meta(ge=0, le=2**40)]
"""How long something took: up to 34 years."""

Seconds = Annotated[int, Meta(ge=0, le=2**31)]
"""How long until something: up to 68 years."""

Duration = Annotated[float, Meta(ge=0, le=2**31)]
"""How long something took, in seconds."""

Minutes = Annotated[int, Meta(ge=0, le=10_000_000)]
"""The length of a window of a limit: up to 19 years."""

Percent = Annotated[float, Meta(ge=0, le=1_000)]
Dollars = Annotated[float, Meta(ge=0, le=1e9)]
Cents = Annotated[float, Meta(ge=0, le=1e11)]

WholeTime = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Time = Annotated[float, Meta(ge=0, le=2**63)]
"""Unix time in seconds, ms, microseconds or ns; see `decode.unix_ms`."""
