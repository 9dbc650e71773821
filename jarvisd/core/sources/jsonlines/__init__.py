"""Files of lines that grow: the tail engine."""
