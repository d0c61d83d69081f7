"""Settings from segbatch.toml and the environment, with the origin of each value."""
