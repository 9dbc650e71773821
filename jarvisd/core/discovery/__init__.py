"""Finds transcripts, keeps the registry of them, and schedules their reading."""
