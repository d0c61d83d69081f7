"""What a snapshot of contacts is: its files, its ids, and what a field of a definition means in it."""
