"""Cline tasks, as the daemon and the command line know it."""

from jarvisd.agents._shared.task_agent import task_agent
from jarvisd.agents.cline_tasks.about import ABOUT

AGENT = task_agent(
    "cline_tasks",
    "Cline tasks",
    ABOUT,
    extension="saoudrizwan.claude-dev",
    below_home=(".cline/data/tasks",),
    shows_waits=True,
)
