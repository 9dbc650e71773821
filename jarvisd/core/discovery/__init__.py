"""Pulls sources and folds their lines: where bytes become blocks."""
