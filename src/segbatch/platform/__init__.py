"""The operating system: files, locks, signals, shutdown, URLs."""
