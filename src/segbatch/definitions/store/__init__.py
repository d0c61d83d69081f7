"""Definitions that programs and people manage together: a folder of JSON files, listed, read and changed safely."""

from segbatch.definitions.store.entries import Broken, Entry, Stored
from segbatch.definitions.store.files import UncertainStoreError
from segbatch.definitions.store.segment_store import SegmentStore

__all__ = ["Broken", "Entry", "SegmentStore", "Stored", "UncertainStoreError"]
