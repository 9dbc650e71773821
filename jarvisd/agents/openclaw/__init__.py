"""OpenClaw: session trees in a database, and in files of lines before."""
