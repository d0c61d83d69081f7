"""Snapshots of contacts: files, ids, and the resolution of fields that definitions name."""
