"""Reports of usage, windows, limits and attention."""
