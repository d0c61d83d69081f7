"""Data that all packages share: segments, operators, limits, manifests and run reports. No Polars, no file access."""
