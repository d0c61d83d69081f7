"""Lint findings: definitions that are valid but probably wrong. Each finding has a name and can be ignored by it."""
