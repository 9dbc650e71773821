"""Kilo Code: tasks of an editor extension, each a folder of JSON documents."""
