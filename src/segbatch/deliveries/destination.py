"""A destination: the program or webhook that gets the ids, and the segments that it gets them of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from segbatch.definitions.segment_filter import ALL_SEGMENTS, SegmentFilter
from segbatch.errors import UsageError
from segbatch.platform.portability import HAS_SHELL

TIMEOUT = 60.0
"""The default time limit of an attempt, in seconds."""

RETRIES = 3
"""The default number of further attempts after the first one failed."""

PayloadFormat = Literal["ndjson", "parquet"]
Start = Literal["now", "all"]


@dataclass(frozen=True, slots=True)
class Destination:
    """A destination of changes. It has either a command or an address.

    Attributes:
        only: The segments that it gets.
        command: A command for the shell.
        url: The address of a webhook, which may refer to environment variables as `${NAME}`.
        headers: Additional headers of requests, which may refer to variables too.
        format: The format of the rows.
        start: The first delivery of a segment: `now` sends the changes from now on, `all` first sends all members.
        timeout: The time limit of an attempt, in seconds.
        retries: The number of further attempts in one call.
    """

    name: str
    only: SegmentFilter = ALL_SEGMENTS
    command: str | None = None
    url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    format: PayloadFormat = "ndjson"
    start: Start = "now"
    timeout: float = TIMEOUT
    retries: int = RETRIES

    def __post_init__(self) -> None:
        """Check that this system can run the command.

        Raises:
            UsageError: There is no POSIX shell.
        """
        if self.command is not None and not HAS_SHELL:
            message = "commands are run by /bin/sh, which this system does not have; use a url"
            raise UsageError(f"destinations.{self.name}.command: {message}")

    @classmethod
    def of(cls, name: str, settings: Mapping[str, Any]) -> "Destination":
        """Return the destination that the settings describe."""
        settings = {key: value for key, value in settings.items() if value is not None}
        only = SegmentFilter(*(tuple(settings.pop(kind, ())) for kind in ("segments", "tags", "owners")))
        return cls(name, only, **settings)
