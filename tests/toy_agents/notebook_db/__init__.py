"""Notebook DB: an invented agent with all of its sessions in one SQLite database."""
