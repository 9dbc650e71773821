"""Tally: an agent that writes plain lines with its running total of tokens."""
