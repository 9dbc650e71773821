"""Roo Code, as the daemon and the command line know it."""

from jarvisd.agents._shared.task_agent import task_agent
from jarvisd.agents.roo_code.about import ABOUT

AGENT = task_agent(
    "roo_code",
    "Roo Code",
    ABOUT,
    extension="rooveterinaryinc.roo-cline",
)
