"""Published runs: history, differences, checks, queries, members."""
