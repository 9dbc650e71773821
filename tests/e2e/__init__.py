"""The real daemon in a temporary home, seen only from outside.

Nothing here imports the daemon's parts: what counts is what a user's files lead to
on the socket, on a terminal and after the next start.
"""
