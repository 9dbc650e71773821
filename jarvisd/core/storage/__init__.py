"""The database: connections, migrations, backup and repair.

The SQL of a feature is in its own `store` module.
"""
