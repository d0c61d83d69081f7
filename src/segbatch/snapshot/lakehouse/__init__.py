"""Snapshots that are versions of Delta and Iceberg tables."""
