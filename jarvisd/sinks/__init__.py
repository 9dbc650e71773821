"""Sinks: records of closed segments, delivered to files and collectors at least once."""
