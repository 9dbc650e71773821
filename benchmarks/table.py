"""Rows as one table for a terminal, and as JSON for a machine."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.rows import Row

HEADINGS = ("figure", "median", "min - max", "n", "must", "ambition", "verdict")
LEFT_ALIGNED = 0
"""Only the first column holds words; all others are numbers or one word."""


def render(rows: Iterable[Row], missing: Iterable[tuple[str, str]]) -> str:
    """Return the table, and below it notes and what could not be measured."""
    rows = list(rows)
    cells = [HEADINGS, *(_cells(each) for each in rows)]
    widths = [max(len(each[i]) for each in cells) for i in range(len(HEADINGS))]
    lines = [_aligned(each, widths) for each in cells]
    lines.insert(1, "  ".join("-" * width for width in widths))
    lines += [f"  {each.figure}: {each.note}" for each in rows if each.note]
    lines += [f"  not measured: {name}: {why}" for name, why in missing]
    return "\n".join(lines)


def save(path: Path, rows: Iterable[Row], machine: dict[str, str]) -> None:
    """Write everything measured, with each sample, to *path*."""
    found: dict[str, Any] = {"machine": machine, "rows": []}
    for row in rows:
        extra = {"median": row.median, "verdict": row.verdict}
        found["rows"].append(asdict(row) | extra)

    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def number(value: float) -> str:
    """Return *value* with three digits that count, and none that do not."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"

    digits = 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{digits}f}"


def _cells(row: Row) -> tuple[str, ...]:
    n = str(len(row.samples))
    if row.observations is not None:
        n += f" x {row.observations}"

    return (
        row.figure,
        f"{number(row.median)} {row.unit}",
        f"{number(min(row.samples))} - {number(max(row.samples))}",
        n,
        _target(row.must, row),
        _target(row.ambition, row),
        row.verdict,
    )


def _target(value: float | None, row: Row) -> str:
    if value is None:
        return ""

    return f"{'>=' if row.more_is_better else '<='} {number(value)}"


def _aligned(cells: tuple[str, ...], widths: list[int]) -> str:
    pairs = zip(cells, widths, strict=True)
    return "  ".join(
        cell.ljust(width) if i == LEFT_ALIGNED else cell.rjust(width)
        for i, (cell, width) in enumerate(pairs)
    ).rstrip()
