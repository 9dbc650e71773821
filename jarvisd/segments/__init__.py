"""Segments: spans of work of a session, closed when it is idle."""
