"""Which sessions have a living process: witnesses from outside of the transcripts.

The agents' own registries and locks, descriptors and folders of processes, and what
hooks tell, become signals (`jarvisd.model.evidence`) for whoever judges states.
docs/evidence.md says what each witness is worth.
"""

from jarvisd.presence.presence import Presence
from jarvisd.presence.wanted import Wanted

__all__ = ["Presence", "Wanted"]
