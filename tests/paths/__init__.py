"""Lengths of the main paths through the daemon."""
