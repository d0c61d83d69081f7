"""Logs, hooks and metrics of a run."""
