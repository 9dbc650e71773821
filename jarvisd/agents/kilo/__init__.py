"""Kilo CLI: a fork of opencode, with the same tables in a database of its own."""
