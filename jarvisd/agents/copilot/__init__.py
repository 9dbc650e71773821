"""GitHub Copilot CLI: lines of events that are appended."""
