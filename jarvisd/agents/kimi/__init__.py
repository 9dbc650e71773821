"""Kimi Code, and kimi-cli before it: records of a wire in files of lines."""
