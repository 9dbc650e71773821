"""Fields of token counts that a reader does not know, by name: for drift alone."""

from collections.abc import Collection, Mapping

from msgspec import Raw, Struct
from msgspec.structs import fields

from jarvisd.core.record import Drift, DriftKind

Names = Mapping[str, Raw]
"""An object of JSON, of which only the names of the fields matter."""


def field_names(*shapes: type[Struct]) -> frozenset[str]:
    """Return the names of the fields of *shapes*, as the agent writes them."""
    return frozenset(each.encode_name for shape in shapes for each in fields(shape))


def drift_of_usage(
    usage: Names | None,
    record_type: str,
    *,
    known: Collection[str],
    needed: Collection[str],
) -> tuple[Drift, ...]:
    """Return the unknown fields of *usage*, the counts of a response.

    A response has no tokens if none of the *needed* fields is there.
    """
    unknown = [] if usage is None else sorted(usage.keys() - set(known))
    found = [Drift(DriftKind.USAGE_FIELD, name) for name in unknown]
    if usage is None or not any(name in usage for name in needed):
        found.append(Drift(DriftKind.NO_TOKENS, record_type))

    return tuple(found)
