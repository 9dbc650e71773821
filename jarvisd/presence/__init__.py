"""What sessions are doing now: witnesses outside of transcripts, and who judges."""
