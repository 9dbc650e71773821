"""Sources: files, databases, pipes and pushed lines as items with a durable cursor.

Notifications are only hints: the reconcile scan finds whatever a watcher misses.
"""
