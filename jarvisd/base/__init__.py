"""The base of all packages: ids, usage, time, errors, paths and bases of wire types."""
