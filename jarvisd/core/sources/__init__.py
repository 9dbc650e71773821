"""Where bytes come from: files that are tailed, pipes that are read, folders watched.

A source knows nothing of agents or counts. It gives bytes in order and says which
durable position they lead to. Notifications are hints: whatever a watcher misses,
the scan finds.
"""
