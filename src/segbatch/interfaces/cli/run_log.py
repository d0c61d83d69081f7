"""The log of a run, and reporting runs that cannot start because their settings are not valid."""

import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbatch.errors import SegbatchError
from segbatch.interfaces.cli.render.run import PlainLog, is_watched
from segbatch.observability.hooks import HOOK_TIMEOUT, Hooks
from segbatch.observability.log import JsonLog, LogFormat, read_log_format

if TYPE_CHECKING:
    from segbatch.observability.observer import Log

_YES = {"1", "true", "t", "yes", "y", "on"}


def open_log(log_format: LogFormat, *, quiet: bool, log_ids: bool) -> "tuple[Log, bool]":
    """Return a log of a run, and whether it is machine-readable.

    Args:
        quiet: Whether to show only warnings and errors.
        log_ids: Whether ids of contacts may be shown if stderr is not a terminal.
    """
    if log_format == "json":
        return JsonLog(quiet=quiet, ids=log_ids), True
    return PlainLog(quiet=quiet, ids=log_ids or is_watched()), False


def report_invalid_settings(known: Mapping[str, Any], error: SegbatchError) -> int:
    """Report to the log and the hook that a run cannot start because its settings are not valid.

    Args:
        known: The settings that are known nevertheless, as unvalidated text.

    Returns:
        The exit status for the program.
    """
    from segbatch.observability.observer import observe_run  # noqa: PLC0415 - loads packages that other commands do not need

    log_format: LogFormat = "plain"
    with suppress(SegbatchError):
        log_format = read_log_format(str(known.get("log_format", log_format)))
    log_ids = _is_yes(known.get("log_ids"))
    log, _ = open_log(log_format, quiet=_is_yes(known.get("quiet")), log_ids=log_ids)
    hooks = Hooks(None, known.get("on_failure"), _seconds(known.get("hook_timeout")), ids=log_ids)
    is_dry = bool(known.get("dry_run"))
    with observe_run(log, Path(known.get("output", "output")), hooks, None, dry_run=is_dry) as observer:
        _fail(error)
    return observer.exit_status


def _fail(error: SegbatchError) -> None:
    raise error


def _is_yes(written: object) -> bool:
    return str(written).lower() in _YES


def _seconds(written: object) -> float:
    with suppress(ValueError):
        seconds = float(str(written))
        if 0 < seconds < math.inf:
            return seconds
    return HOOK_TIMEOUT
