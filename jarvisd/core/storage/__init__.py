"""The store: one SQLite file with everything that is kept. The only SQL there is.

`store` is what others call; `rows` and schema.sql say what is kept; `connection` runs
it on a thread; `opening`, `repair`, `backup` and `migrate` see to the file. docs/store.md
tells it to users.
"""

from jarvisd.store.files import hold_store
from jarvisd.store.scribe import Scribe
from jarvisd.store.store import Store, open_store

__all__ = ["Scribe", "Store", "hold_store", "open_store"]
