"""The sinks: files and collectors, well and ill."""
