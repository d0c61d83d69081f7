"""Data that the whole program shares: segments, operators, limits, manifests and run reports. No Polars, no files."""
