"""What is in the database already, remembered so that a row costs no look-up."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field

from jarvisd.model.block import BlockId, Origin
from jarvisd.model.saved import SavedBlock


@dataclass(slots=True)
class Known:
    """The numbers of shared strings, and the origins that are stored.

    It is only as true as the last transaction: after one that failed, `forget`.
    """

    _keys: dict[str, int] = field(default_factory=dict)
    _origins: dict[BlockId, Origin] = field(default_factory=dict)

    def key(self, raw: sqlite3.Connection, text: str | None) -> int | None:
        """Return the number of *text*, giving it one if it is new."""
        if text is None:
            return None

        key = self._keys.get(text)
        if key is None:
            key = self._keys[text] = _stored_key(raw, storable(text))
        return key

    def has(self, origin: Origin) -> bool:
        """Say whether a row holds exactly this object; an equal one may be stored too."""
        return self._origins.get(origin.block_id) is origin

    def learn(self, blocks: Iterable[SavedBlock]) -> None:
        """Note that rows hold the origins of *blocks*."""
        self._origins |= {each.origin.block_id: each.origin for each in blocks}

    def forget(self) -> None:
        """Trust only the database again."""
        self._keys.clear()
        self._origins.clear()


def storable(text: str) -> str:
    """Return *text* without what is no Unicode: half a surrogate fails the batch."""
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")


def _stored_key(raw: sqlite3.Connection, text: str) -> int:
    raw.execute("INSERT INTO text (text) VALUES (?) ON CONFLICT DO NOTHING", (text,))
    row: tuple[int] = raw.execute(
        "SELECT text_key FROM text WHERE text = ?", (text,)
    ).fetchone()
    return row[0]
