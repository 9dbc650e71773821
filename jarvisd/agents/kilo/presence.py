"""How processes of Kilo CLI are known: as those of opencode, by another name."""

from jarvisd.agents.opencode.presence import role_of
from jarvisd.core.presence_evidence import Evidence

EVIDENCE = Evidence(role=role_of("kilo", "kilocode"))
