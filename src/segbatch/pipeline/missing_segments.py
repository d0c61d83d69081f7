"""Segments of the previous run that have no definition in a run: deleted, in a file with an error, or left out."""

from collections.abc import Mapping
from dataclasses import dataclass

from segbatch.errors import Problem
from segbatch.model.manifest import DeletedSegment


@dataclass(frozen=True, slots=True)
class MissingSegments:
    """Segments of the previous run without a definition to evaluate in this run.

    Attributes:
        lost: Segments whose definition file has an error, each with that error; possibly not deleted.
        deleted: The other segments, which are deleted.
        left_out: Segments that are not evaluated because the run is limited to other segments. Whether they are still
            defined does not matter: such a run deletes no segment.
    """

    lost: Mapping[str, Problem]
    deleted: tuple[DeletedSegment, ...]
    left_out: tuple[str, ...] = ()
