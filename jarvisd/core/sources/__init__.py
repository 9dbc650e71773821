"""Sources: what is followed, as items in order with a durable cursor.

Notifications are hints: whatever a watcher misses, the reconcile scan finds.
"""
