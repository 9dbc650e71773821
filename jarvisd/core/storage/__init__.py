"""The database: connections, migrations, backup and repair.

SQL of a feature is in its own `store` module.
"""
