"""Who hears of a run, also of one that never began since its settings are wrong."""

import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbatch.errors import SegbatchError
from segbatch.interfaces.cli import render
from segbatch.observability.hooks import HOOK_TIMEOUT, Hooks
from segbatch.observability.log_format import LogFormat, read_log_format

if TYPE_CHECKING:
    from segbatch.observability.observer import Log

__all__ = ["open_log", "tell_mistake"]

_YES = {"1", "true", "t", "yes", "y", "on"}


def open_log(log_format: LogFormat, *, quiet: bool, log_ids: bool) -> "tuple[Log, bool]":
    """Return what shows or writes what is told of a run, and whether it is a log for machines.

    Args:
        log_format: How stderr is written.
        quiet: Whether to tell warnings and errors alone.
        log_ids: Whether the ids of contacts may be told where nobody looks.
    """
    if log_format == "json" or (log_format == "auto" and not render.is_watched()):
        from segbatch.observability.json_log import JsonLog  # noqa: PLC0415 - loads structlog

        return JsonLog(quiet=quiet, ids=log_ids), True
    return render.PlainLog(quiet=quiet, ids=log_ids or render.is_watched()), False


def tell_mistake(said: Mapping[str, Any], error: SegbatchError) -> int:
    """Tell log and hook of a run that does not begin, since its settings are wrong.

    Args:
        said: What is known of the settings nevertheless, as it is written, and may be wrong itself.
        error: What is wrong.

    Returns:
        What the program is to end with.
    """
    from segbatch.observability.observer import watching  # noqa: PLC0415 - loads more than other commands need

    log_format: LogFormat = "auto"
    with suppress(SegbatchError):
        log_format = read_log_format(str(said.get("log_format", log_format)))
    log_ids = _is_yes(said.get("log_ids"))
    log, _ = open_log(log_format, quiet=_is_yes(said.get("quiet")), log_ids=log_ids)
    hooks = Hooks(None, said.get("on_failure"), _seconds(said.get("hook_timeout")), ids=log_ids)
    is_dry = bool(said.get("dry_run"))
    with watching(log, Path(said.get("output", "output")), hooks, None, dry_run=is_dry) as watch:
        _fail(error)
    return watch.exit_status


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
