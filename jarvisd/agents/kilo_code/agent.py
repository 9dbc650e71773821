"""Kilo Code, as the daemon and the command line know it."""

from jarvisd.agents._shared.task_agent import task_agent
from jarvisd.agents.kilo_code.about import ABOUT

AGENT = task_agent(
    "kilo_code",
    "Kilo Code",
    ABOUT,
    extension="kilocode.kilo-code",
)
