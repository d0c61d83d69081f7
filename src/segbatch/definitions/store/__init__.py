"""Store of definitions that programs and people manage together: safe access to a folder of JSON files."""

from segbatch.definitions.store.segment_store import SegmentStore

__all__ = ["SegmentStore"]
