"""Compiler from rules to Polars expressions that are never null, and to a plan that lets segments share them."""
