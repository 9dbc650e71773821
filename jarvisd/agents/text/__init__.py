"""Plain text: the output of any program whose format is not known."""
