"""Know, live, what every AI coding agent on this workstation is doing, and what it costs."""

__version__ = "0.1.0"
