"""Blocks: one stream of output each, with its line counts and estimates."""
