"""The figures of docs/internals/performance.md, measured on the real daemon: `make bench`.

Each module of `benchmarks.figures` measures one thing and returns rows. `rig` starts
the daemon in a private home, `client` talks to its socket, `proc` asks the kernel what
it cost, `feeder` is another process that appends lines, `corpora` makes histories.
"""
