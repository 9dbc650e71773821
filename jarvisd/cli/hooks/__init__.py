"""Putting our hooks among those of the user, in the agents' own files.

`agents` knows whose file lies where and what belongs in it, `spans` where a value lies
in a JSON text, `surgery` how to put something in and take it out without touching a
byte of the rest, and `files` how to replace a file so that nothing is lost. Only the
command line does this, when the user asks; the daemon writes to no agent's folder.
"""
