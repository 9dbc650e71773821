"""Conversations: people's threads across channels, stored, folded and searched."""
