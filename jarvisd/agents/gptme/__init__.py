"""gptme: lines of messages whose tool calls are text."""
