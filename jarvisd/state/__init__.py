"""The state of every session: what it is doing, and who it is waiting for."""
