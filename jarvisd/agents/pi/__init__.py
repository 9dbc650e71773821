"""pi and oh-my-pi: session trees in files of lines."""
