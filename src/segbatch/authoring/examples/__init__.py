"""Evaluation of the examples in definitions, for `check`."""
