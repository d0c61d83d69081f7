"""Output for users: tables that fit the screen, coloured problems, and progress on a terminal."""

from segbatch.interfaces.cli.render.api import print_keys, print_listening, print_new_key, print_revoked_key
from segbatch.interfaces.cli.render.authoring import (
    print_check,
    print_explanation,
    print_finding_names,
    print_funnel,
    print_lint,
    print_preview,
)
from segbatch.interfaces.cli.render.bar import opened, show_progress
from segbatch.interfaces.cli.render.base import (
    is_of_stdout,
    print_error,
    print_problems,
    print_waiting,
    silence_stdout,
    stdout_guard,
)
from segbatch.interfaces.cli.render.columns import print_columns
from segbatch.interfaces.cli.render.config import print_new_project, print_settings
from segbatch.interfaces.cli.render.deliver import print_deliveries
from segbatch.interfaces.cli.render.export import print_exported
from segbatch.interfaces.cli.render.lists import print_lists
from segbatch.interfaces.cli.render.progress import PlainLog, is_watched
from segbatch.interfaces.cli.render.query import print_answer
from segbatch.interfaces.cli.render.run import print_run
from segbatch.interfaces.cli.render.runs import print_diff, print_pruned, print_run_details, print_runs, print_verified
from segbatch.interfaces.cli.render.segments import (
    print_definition,
    print_etag,
    print_listing,
    print_renamed,
    print_saved,
    print_schema,
)
from segbatch.interfaces.cli.render.snapshot import print_snapshot, show_row_count
from segbatch.interfaces.cli.render.sync import print_synced

__all__ = [
    "PlainLog",
    "is_of_stdout",
    "is_watched",
    "opened",
    "print_answer",
    "print_check",
    "print_columns",
    "print_definition",
    "print_deliveries",
    "print_diff",
    "print_error",
    "print_etag",
    "print_explanation",
    "print_exported",
    "print_finding_names",
    "print_funnel",
    "print_keys",
    "print_lint",
    "print_listening",
    "print_listing",
    "print_lists",
    "print_new_key",
    "print_new_project",
    "print_preview",
    "print_problems",
    "print_pruned",
    "print_renamed",
    "print_revoked_key",
    "print_run",
    "print_run_details",
    "print_runs",
    "print_saved",
    "print_schema",
    "print_settings",
    "print_snapshot",
    "print_synced",
    "print_verified",
    "print_waiting",
    "show_progress",
    "show_row_count",
    "silence_stdout",
    "stdout_guard",
]
