"""The way out: records that wait in the store's outbox go to the sinks of the user.

`Exporter` is what the daemon runs. It has a `Lane` for each sink, which takes what is
due, hands it to the sink on a thread of its own, and strikes it out once the sink has
it: at least once, and countable exactly once by the record's id. `jsonl` and `posthog`
are the sinks. What leaves the machine goes through `redact`. docs/sinks.md tells users.
"""

from jarvisd.export.exporter import Exporter
from jarvisd.export.sinks import make_sinks

__all__ = ["Exporter", "make_sinks"]
