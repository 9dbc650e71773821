"""Hermes: sessions in one SQLite database, with counters for each model of a session."""
