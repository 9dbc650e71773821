"""Mistral Vibe: a journal that is folded into documents, and documents before."""
