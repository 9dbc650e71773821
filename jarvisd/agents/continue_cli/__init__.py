"""Continue: a JSON document for each session, of its command line and its extensions."""
