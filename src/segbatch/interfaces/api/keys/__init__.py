"""API keys: creating, listing, revoking, and finding the key of a secret."""

from segbatch.interfaces.api.keys.key_file import Key
from segbatch.interfaces.api.keys.key_store import KeyRing

__all__ = ["Key", "KeyRing"]
