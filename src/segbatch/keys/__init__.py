"""The API's keys: made, listed, revoked, and found again by their secrets."""

from segbatch.keys.key import Key
from segbatch.keys.ring import KeyRing

__all__ = ["Key", "KeyRing"]
