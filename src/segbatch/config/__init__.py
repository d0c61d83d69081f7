"""What segbatch.toml and the environment say, and where each value came from."""
