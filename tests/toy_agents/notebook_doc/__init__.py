"""Notebook Doc: an invented agent that rewrites a JSON document for each session."""
