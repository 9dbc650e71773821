"""Two agents that are in no release: one keeps a database, one rewrites a document.

Each folder is complete, as those of `jarvisd.agents` are. They are added to the real
daemon and the real command line without a change in `jarvisd/`; `writers` is what the
programs themselves would do.
"""
