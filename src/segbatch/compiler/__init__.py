"""Compiler from rules to typed tests, to Polars expressions that are never null, and to a plan that segments share."""
