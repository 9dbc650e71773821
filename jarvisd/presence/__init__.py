"""Processes, registries, locks and hooks: what is known of sessions besides their logs."""
