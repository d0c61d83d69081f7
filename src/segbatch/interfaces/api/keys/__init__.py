"""API keys: creating, listing, revoking, and finding the key of a secret."""
