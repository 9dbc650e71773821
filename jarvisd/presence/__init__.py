"""Evidence on sessions besides their logs: processes, registries, locks and hooks."""
