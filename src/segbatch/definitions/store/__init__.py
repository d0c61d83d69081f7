"""Store of definitions that programs and people manage together: safe access to a folder of JSON files."""

from segbatch.definitions.definition import BrokenDefinition, Definition, Entry
from segbatch.definitions.store.files import UncertainStoreError
from segbatch.definitions.store.segment_store import SegmentStore

__all__ = ["BrokenDefinition", "Definition", "Entry", "SegmentStore", "UncertainStoreError"]
