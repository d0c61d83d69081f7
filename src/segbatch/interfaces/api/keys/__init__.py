"""The API's keys: made, listed, revoked, and found again by their secrets."""

from segbatch.interfaces.api.keys.key import Key
from segbatch.interfaces.api.keys.key_store import KeyRing

__all__ = ["Key", "KeyRing"]
