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
    from segbatch.authoring.check import CheckReport, check
    from segbatch.authoring.explain.explain import explain, funnel
    from segbatch.authoring.explain.reports import Explanation, Funnel
    from segbatch.authoring.preview import PreviewReport, preview
    from segbatch.compiler.compile_segment import compile_segment
    from segbatch.definitions.loader import load_segments
    from segbatch.definitions.segment_filter import SegmentFilter
    from segbatch.errors import (
        DatabaseError,
        DefinitionError,
        ExportError,
        Problem,
        PublishError,
        SegbatchError,
        SnapshotError,
        UsageError,
    )
    from segbatch.exports.database.sync import SyncReport, sync
    from segbatch.exports.export import ExportReport, export
    from segbatch.findings.finding import Finding
    from segbatch.findings.lint import LintReport, lint
    from segbatch.model.rule import Group, Rule, TableRule
    from segbatch.model.run_report import RunReport
    from segbatch.model.segment import Segment
    from segbatch.pipeline.guardrails import Guard
    from segbatch.pipeline.run import run
    from segbatch.platform.version import __version__
    from segbatch.snapshot.database.write import WrittenSnapshot, write_snapshot
    from segbatch.snapshot.related.sources import TableSource
    from segbatch.storage.keep import Keep
    from segbatch.storage.output_lock import LockedError, LockPolicy, Patience

__all__ = [
    "CheckReport",
    "DatabaseError",
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
    "LockPolicy",
    "LockedError",
    "Patience",
    "PreviewReport",
    "Problem",
    "PublishError",
    "Rule",
    "RunReport",
    "SegbatchError",
    "Segment",
    "SegmentFilter",
    "SnapshotError",
    "SyncReport",
    "TableRule",
    "TableSource",
    "UsageError",
    "WrittenSnapshot",
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
    "sync",
    "write_snapshot",
]

_HOMES = {
    "segbatch.authoring.check": ("CheckReport", "check"),
    "segbatch.compiler.compile_segment": ("compile_segment",),
    "segbatch.definitions.loader": ("load_segments",),
    "segbatch.definitions.segment_filter": ("SegmentFilter",),
    "segbatch.model.segment": ("Group", "Rule", "Segment", "TableRule"),
    "segbatch.errors": (
        "DatabaseError",
        "DefinitionError",
        "ExportError",
        "Problem",
        "PublishError",
        "SegbatchError",
        "SnapshotError",
        "UsageError",
    ),
    "segbatch.authoring.explain.explain": ("explain", "funnel"),
    "segbatch.authoring.explain.reports": ("Explanation", "Funnel"),
    "segbatch.exports.database.sync": ("SyncReport", "sync"),
    "segbatch.exports.export": ("ExportReport", "export"),
    "segbatch.pipeline.run": ("RunReport", "run"),
    "segbatch.authoring.preview": ("PreviewReport", "preview"),
    "segbatch.pipeline.guardrails": ("Guard",),
    "segbatch.storage.output_lock": ("LockPolicy", "LockedError", "Patience"),
    "segbatch.storage.keep": ("Keep",),
    "segbatch.snapshot.database.write": ("WrittenSnapshot", "write_snapshot"),
    "segbatch.snapshot.related.sources": ("TableSource",),
    "segbatch.findings.lint": ("LintReport", "lint"),
    "segbatch.findings.finding": ("Finding",),
}


def __dir__() -> list[str]:
    """Return the public names, including those that are not loaded yet."""
    return sorted(__all__)


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    if name == "__version__":
        return import_module("segbatch.platform.version").__version__
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'segbatch' has no attribute {name!r}")
