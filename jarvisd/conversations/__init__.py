"""Conversations of people across channels: stored, folded, searched and removed."""
