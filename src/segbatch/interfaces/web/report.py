"""A report: the web page as one file that has the data of published runs in it, and needs no server.

The data is what the API answers, by the path of the request, so that the page reads both in the same way.
"""

import base64
import gzip
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import quote

from pydantic import BaseModel

from segbatch.errors import ExportError, Problem, UsageError
from segbatch.interfaces.web.explained import explain_published
from segbatch.interfaces.web.page_file import DATA, read_page
from segbatch.model.examples import without_examples
from segbatch.model.segment import write_moment
from segbatch.model.views import RunRow, RunsPage, SegmentDetails, SegmentsPage
from segbatch.platform.files import replace_file, resolve_destination, temporary_file
from segbatch.platform.io_errors import describe_write_error
from segbatch.platform.shutdown import shutdown
from segbatch.platform.urls import is_url, redact_url
from segbatch.platform.version import __version__
from segbatch.runs.views import RunViews
from segbatch.storage.layout import CURRENT_RUN, ensure_unpublished
from segbatch.text import printable

RUNS_SHOWN = 30
"""Number of runs that a report shows by default."""

LARGE = 5_000_000
"""Size in bytes from which a report is reported as large."""

_OPTION = "--to"
_API = "/api/v1"
_CURRENT = f"{_API}/runs/{CURRENT_RUN}"
_SAVED = f"{_API}/contacts/segments"
_LARGEST = 40


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """A report that was written.

    Attributes:
        path: The file; None for a stream.
        runs: The number of runs that it shows.
        segments: The number of segments that it shows.
        size: The size of the file in bytes.
    """

    path: str | None
    run_id: str
    runs: int
    segments: int
    size: int

    @property
    def warnings(self) -> Sequence[Problem]:
        """A warning if the file is too large for an e-mail."""
        if self.size < LARGE:
            return ()
        message = f"has {self.size / 1e6:.1f} MB; show less with --segment, --runs or --members"
        return (Problem(message, file=None if self.path is None else printable(self.path), severity="warning"),)


def write_report(
    output: Path,
    to: Path | IO[bytes],
    *,
    runs: int = RUNS_SHOWN,
    segments: Sequence[str] | None = None,
    members: int = 0,
) -> WrittenReport:
    """Write a report on the published runs of an output folder. A file replaces an earlier report in one step.

    Args:
        to: The file, or a stream of bytes.
        runs: The number of last runs to show.
        segments: The segments to show; None for all. The numbers of runs are then those of these segments.
        members: The number of contact ids to show for each segment.

    Raises:
        UsageError: Nothing is published, a segment does not exist, or the file must not be replaced.
        PublishError: The published runs cannot be read.
        ExportError: The report or the page that it is made of cannot be written or read.
    """
    path = _check_destination(to, output) if isinstance(to, Path) else None
    page = read_page()
    if page is None:
        raise ExportError("this installation of segbatch lacks the web page; install a release, or run make web")
    if segments is not None:
        _ensure_exist(output, segments)
    views = RunViews(output, segments, is_fixed=True)
    current, shown_runs = views.segments(CURRENT_RUN, None, runs), views.runs(None, runs)
    data = _collect(views, current, shown_runs, members)
    html = page.replace(f"{DATA}</script>", f"{DATA}{_packed(data)}</script>").encode()
    if path is None:
        cast("IO[bytes]", to).write(html)
    else:
        _replace(path, html, printable(str(to)))
    file = None if path is None else str(to)
    return WrittenReport(file, current.run_id, len(shown_runs), len(current.segments), len(html))


def _collect(views: RunViews, current: SegmentsPage, runs: Sequence[RunRow], members: int) -> Mapping[str, Any]:
    """Return the data of a report.

    Args:
        current: The segments of the current run.
        runs: The runs to show.
        members: The number of contact ids to show for each segment.
    """
    details = [_details(views, row.id, len(runs)) for row in current.segments]
    answers: dict[str, Any] = dict(_of_runs(views, runs, current)) | dict(_of_segments(views, details))
    if members:
        answers |= dict(_members(views, current, details, members))
    about = {"generated_at": write_moment(datetime.now(UTC)), "version": __version__}
    return {"report": {**about, "run_id": current.run_id, "runs": len(runs)}, "answers": answers}


def _ensure_exist(output: Path, segments: Sequence[str]) -> None:
    """Raise an error if the current run does not have a segment."""
    views = RunViews(output)
    for segment_id in segments:
        views.segment(CURRENT_RUN, segment_id, None, 1)


def _of_runs(views: RunViews, runs: Sequence[RunRow], current: SegmentsPage) -> Iterator[tuple[str, BaseModel]]:
    """Yield the answers about runs, by their paths."""
    yield f"{_API}/runs", RunsPage(runs=tuple(runs), next_cursor=None)
    for row in runs:
        yield f"{_API}/runs/{_quoted(row.id)}", views.run(row.id, None)
    yield f"{_CURRENT}", views.run(CURRENT_RUN, None)
    yield f"{_CURRENT}/segments", current
    yield f"{_CURRENT}/overlap", views.overlap(CURRENT_RUN, None, None, _LARGEST)


def _details(views: RunViews, segment_id: str, runs: int) -> SegmentDetails:
    """Return a segment of the current run, without the examples in its definition: reports do not have contacts."""
    details = views.segment(CURRENT_RUN, segment_id, None, runs)
    return details.model_copy(update={"definition": without_examples(details.definition)})


def _of_segments(views: RunViews, segments: Sequence[SegmentDetails]) -> Iterator[tuple[str, BaseModel]]:
    """Yield the answers about single segments, by their paths."""
    explained = {one.segment_id: one for one in explain_published(views.manifest(CURRENT_RUN), segments)}
    for details in segments:
        yield f"{_CURRENT}/segments/{_quoted(details.id)}", details
        if details.id in explained:
            yield f"{_SAVED}/{_quoted(details.id)}/explanation", explained[details.id]


def _members(
    views: RunViews, run: SegmentsPage, segments: Sequence[SegmentDetails], limit: int
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the first members of each segment, by the path of the request for them."""
    for details in segments:
        yield (
            f"{_SAVED}/{_quoted(details.id)}/members",
            {
                "segment_id": details.id,
                "run_id": run.run_id,
                "as_of": write_moment(run.history[-1].as_of),
                "status": details.status,
                "member_count": details.member_count,
                "members": views.first_members(CURRENT_RUN, details.id, limit),
                "next_cursor": None,
            },
        )


def _quoted(name: str) -> str:
    """Return an id as a part of a path, as `encodeURIComponent` of the page writes it."""
    return quote(name, safe="!'()*")


def _packed(data: Mapping[str, Any]) -> str:
    """Return data as a JSON text of its compressed JSON. It has no character with a meaning in HTML."""
    text = json.dumps(data, default=_plain, separators=(",", ":"), ensure_ascii=False)
    return f'"{base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()}"'


def _plain(answer: BaseModel) -> Any:
    return answer.model_dump(mode="json")


def _check_destination(to: Path, output: Path) -> Path:
    """Return the path to write to.

    Raises:
        UsageError: The path is not that of a file, or of a file that is not a report.
    """
    name = printable(str(to))
    if is_url(str(to)):
        raise UsageError(f"{redact_url(name)}: a report is written to a disk; name a file ({_OPTION})")
    path = resolve_destination(to, _OPTION)
    ensure_unpublished(path, name, output, f"write the report elsewhere ({_OPTION})")
    _ensure_replaceable(path, name)
    return path


def _ensure_replaceable(path: Path, name: str) -> None:
    """Raise an error if a file exists that is not a report."""
    try:
        is_report = DATA.encode() in path.read_bytes()
    except FileNotFoundError:
        return
    if not is_report:
        raise UsageError(f"{name}: exists and is not a report of segbatch; choose another file ({_OPTION})")


def _replace(path: Path, content: bytes, name: str) -> None:
    """Write a file in one step. After an error, an existing file is unchanged.

    Raises:
        ExportError: The file cannot be written.
    """
    try:
        with temporary_file(path) as new:
            new.write_bytes(content)
            with shutdown.uninterruptible(f"{name} may be written"):
                if path.exists():
                    shutil.copymode(path, new)
                replace_file(new, path)
                shutdown.done_message = f"{name} is written"
    except OSError as error:
        raise ExportError(f"{name}: {describe_write_error(error)}") from None
