"""Cline: folders of JSON documents, of the command line and of its editor extension."""
