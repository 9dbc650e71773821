"""Aider: a chat history in Markdown for each project, and an optional analytics log."""
