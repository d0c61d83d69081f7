"""Segment definitions: rules, files, and the errors in them. Independent of snapshots and Polars."""
