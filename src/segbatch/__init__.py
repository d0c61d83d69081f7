"""segbatch turns segment definitions into audiences over contacts in Parquet.

In a notebook:

    >>> import polars as pl, segbatch
    >>> segment = segbatch.load_segments("segments/vip.json")[0]  # doctest: +SKIP
    >>> frame.filter(segbatch.compile_segment(segment, frame.schema))  # doctest: +SKIP

The names below are loaded when they are first used, so that `import segbatch` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segbatch.checking import CheckReport, check
    from segbatch.compiler.expressions import compile_segment
    from segbatch.definitions.loading import load_segments
    from segbatch.definitions.segment import Group, Rule, Segment
    from segbatch.errors import (
        DefinitionError,
        ExportError,
        Problem,
        PublishError,
        SegbatchError,
        SnapshotError,
        UsageError,
    )
    from segbatch.explaining.explain import explain, funnel
    from segbatch.explaining.reports import Explanation, Funnel
    from segbatch.exporting.export import ExportReport, export
    from segbatch.job import RunReport, run
    from segbatch.linting.lint import LintReport, lint
    from segbatch.linting.names import Finding
    from segbatch.previewing import PreviewReport, preview
    from segbatch.publishing.guard import Guard
    from segbatch.publishing.lock import LockedError, Patience
    from segbatch.publishing.pruning import Keep
    from segbatch.version import __version__

__all__ = [
    "CheckReport",
    "DefinitionError",
    "Explanation",
    "ExportError",
    "ExportReport",
    "Finding",
    "Funnel",
    "Group",
    "Guard",
    "Keep",
    "LintReport",
    "LockedError",
    "Patience",
    "PreviewReport",
    "Problem",
    "PublishError",
    "Rule",
    "RunReport",
    "SegbatchError",
    "Segment",
    "SnapshotError",
    "UsageError",
    "__version__",
    "check",
    "compile_segment",
    "explain",
    "export",
    "funnel",
    "lint",
    "load_segments",
    "preview",
    "run",
]

_HOMES = {
    "segbatch.checking": ("CheckReport", "check"),
    "segbatch.compiler.expressions": ("compile_segment",),
    "segbatch.definitions.loading": ("load_segments",),
    "segbatch.definitions.segment": ("Group", "Rule", "Segment"),
    "segbatch.errors": (
        "DefinitionError",
        "ExportError",
        "Problem",
        "PublishError",
        "SegbatchError",
        "SnapshotError",
        "UsageError",
    ),
    "segbatch.explaining.explain": ("explain", "funnel"),
    "segbatch.explaining.reports": ("Explanation", "Funnel"),
    "segbatch.exporting.export": ("ExportReport", "export"),
    "segbatch.job": ("RunReport", "run"),
    "segbatch.previewing": ("PreviewReport", "preview"),
    "segbatch.publishing.guard": ("Guard",),
    "segbatch.publishing.lock": ("LockedError", "Patience"),
    "segbatch.publishing.pruning": ("Keep",),
    "segbatch.linting.lint": ("LintReport", "lint"),
    "segbatch.linting.names": ("Finding",),
}


def __dir__() -> list[str]:
    """List the public names, those too that are not loaded yet."""
    return sorted(__all__)


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    if name == "__version__":
        return import_module("segbatch.version").__version__
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'segbatch' has no attribute {name!r}")
