"""OpenHands: a folder for each conversation, with its state and a file for each event."""
