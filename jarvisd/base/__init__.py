"""What every package may import: ids, usage, time, errors, paths and the bases of wire types."""
