"""The JSON that ccusage 20 prints, so that scripts written for it need no change.

Names, nesting and order of keys are those of `ccusage daily --json` and its siblings,
or of `ccusage claude daily --json` where only Claude is asked for. docs/accuracy.md describes
where the numbers differ, and why.

Facts: the output of ccusage 20.0.24 on generated logs.
"""

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

from jarvisd.base.usage import Tokens
from jarvisd.reports.model import ModelUsage, UsageRow, WindowRow
from jarvisd.reports.wire import ReportUsageResult, ReportWindowsResult

Json = dict[str, Any]
Names = Mapping[str, tuple[str, str]]
"""By session: the folder of its transcript, and what ccusage calls the session."""

DEFAULT_AGENT = "claude"
"""Whose windows ccusage shows, and for which it has a JSON of its own."""

WITH_REASONING = "codex"
"""The agent of which ccusage also prints reasoning tokens."""

HOUR_MS = 3_600_000
GAP_MS = 5 * HOUR_MS
_KEYS = {"day": "daily", "week": "weekly", "month": "monthly", "session": "session"}
_KEYS_ALONE = {"day": "date", "week": "week", "month": "month"}


def usage(report: ReportUsageResult, names: Names, iso: Callable[[int], str]) -> Json:
    """Return the report as `ccusage daily --json`, or its siblings, would give it."""
    rows = [_row(row, report.by, names, iso) for row in report.rows if row.key]
    return {_KEYS[report.by]: rows, "totals": _totals(report)}


def usage_alone(
    report: ReportUsageResult, names: Names, iso: Callable[[int], str]
) -> Json:
    """Return the report as `ccusage claude daily --json`, or its siblings, would."""
    key = "sessions" if report.by == "session" else _KEYS[report.by]
    rows = [_row_alone(row, report.by, names, iso) for row in report.rows if row.key]
    return {key: rows, "totals": _totals(report)}


def blocks(report: ReportWindowsResult, iso: Callable[[int], str]) -> Json:
    """Return windows as `ccusage blocks --json` would, gaps and all."""
    found: list[Json] = []
    before: WindowRow | None = None
    for row in report.windows:
        if before is not None and row.first_ms - before.last_ms > GAP_MS:
            found.append(_gap(before.last_ms + GAP_MS, row.first_ms, iso))

        found.append(_block(row, report.now_ms, iso))
        before = row

    # A window starts with its hour, so it may start before the gap that it ends.
    return {"blocks": sorted(found, key=itemgetter("startTime"))}


def _row(row: UsageRow, by: str, names: Names, iso: Callable[[int], str]) -> Json:
    if by != "session":
        return {
            "agent": "all",
            "metadata": {"agents": row.agents},
            "period": row.key,
            **_figures(row),
        }

    return {
        "agent": row.agent,
        "metadata": _metadata(row, iso),
        "period": names.get(row.key or "", ("", row.key))[1],
        **_figures(row),
    }


def _metadata(row: UsageRow, iso: Callable[[int], str]) -> Json:
    fields: Json = {}
    if row.last_activity_ms is not None:
        fields["lastActivity"] = iso(row.last_activity_ms)
    if row.agent == WITH_REASONING:
        fields["reasoningOutputTokens"] = row.tokens.reasoning

    return fields


def _row_alone(row: UsageRow, by: str, names: Names, iso: Callable[[int], str]) -> Json:
    if by != "session":
        return {_KEYS_ALONE[by]: row.key, **_figures(row)}

    return {
        "sessionId": row.key,
        "projectPath": names.get(row.key or "", ("Unknown Project", ""))[0],
        "firstActivity": None if row.started_ms is None else iso(row.started_ms),
        "lastActivity": iso(row.last_activity_ms or 0),
        **_figures(row),
    }


def _figures(row: UsageRow) -> Json:
    models = sorted(each.model for each in row.models if each.model is not None)
    return {
        **_tokens(row.tokens),
        "totalTokens": row.tokens.total,
        "totalCost": row.cost_micros / 1e6,
        "modelsUsed": models,
        "modelBreakdowns": [_breakdown(each) for each in row.models],
    }


def _breakdown(part: ModelUsage) -> Json:
    return {
        "modelName": part.model or "unknown",
        **_tokens(part.tokens),
        "cost": part.cost_micros / 1e6,
    }


def _totals(report: ReportUsageResult) -> Json:
    dated = [row for row in report.rows if row.key]
    tokens = sum((row.tokens for row in dated), Tokens())
    return {
        **_tokens(tokens),
        "totalTokens": tokens.total,
        "totalCost": sum(row.cost_micros for row in dated) / 1e6,
    }


def _tokens(tokens: Tokens) -> Json:
    return {
        "inputTokens": tokens.input,
        "outputTokens": tokens.output,
        "cacheCreationTokens": tokens.cache_write_5m + tokens.cache_write_1h,
        "cacheReadTokens": tokens.cache_read,
    }


def _block(row: WindowRow, now_ms: int, iso: Callable[[int], str]) -> Json:
    tokens = row.tokens
    active = row.active and now_ms - row.last_ms < GAP_MS
    burn = _burn_rate(row) if active else None
    return {
        "id": iso(row.start_ms),
        "startTime": iso(row.start_ms),
        "endTime": iso(row.end_ms),
        "actualEndTime": iso(row.last_ms),
        "isActive": active,
        "isGap": False,
        "entries": row.responses,
        "tokenCounts": {
            "inputTokens": tokens.input,
            "outputTokens": tokens.output,
            "cacheCreationInputTokens": tokens.cache_write_5m + tokens.cache_write_1h,
            "cacheReadInputTokens": tokens.cache_read,
        },
        "totalTokens": tokens.total,
        "costUSD": row.cost_micros / 1e6,
        "models": row.models,
        "burnRate": burn,
        "projection": None if burn is None else _projection(row, burn, now_ms),
    }


def _gap(start_ms: int, end_ms: int, iso: Callable[[int], str]) -> Json:
    return {
        "id": f"gap-{iso(start_ms)}",
        "startTime": iso(start_ms),
        "endTime": iso(end_ms),
        "actualEndTime": None,
        "isActive": False,
        "isGap": True,
        "entries": 0,
        "tokenCounts": {
            "inputTokens": 0,
            "outputTokens": 0,
            "cacheCreationInputTokens": 0,
            "cacheReadInputTokens": 0,
        },
        "totalTokens": 0,
        "costUSD": 0,
        "models": [],
        "burnRate": None,
        "projection": None,
    }


def _burn_rate(row: WindowRow) -> Json | None:
    """Return ccusage's mean from the first response to the last, which never decays."""
    minutes = (row.last_ms - row.first_ms) / 60_000
    if minutes <= 0:
        return None

    uncached = row.tokens.input + row.tokens.output
    return {
        "tokensPerMinute": row.tokens.total / minutes,
        "tokensPerMinuteForIndicator": uncached / minutes,
        "costPerHour": row.cost_micros / 1e6 / minutes * 60,
    }


def _projection(row: WindowRow, burn: Json, now_ms: int) -> Json:
    minutes = max(0, round((row.end_ms - now_ms) / 60_000))
    cost = row.cost_micros / 1e6 + burn["costPerHour"] / 60 * minutes
    return {
        "totalTokens": round(row.tokens.total + burn["tokensPerMinute"] * minutes),
        "totalCost": round(cost, 2),
        "remainingMinutes": minutes,
    }
