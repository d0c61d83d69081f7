"""Store of definitions that programs and people manage together: safe access to a folder of JSON files."""

from segbatch.definitions.store.entries import Broken, Entry, Stored
from segbatch.definitions.store.files import UncertainStoreError
from segbatch.definitions.store.segment_store import SegmentStore

__all__ = ["Broken", "Entry", "SegmentStore", "Stored", "UncertainStoreError"]
