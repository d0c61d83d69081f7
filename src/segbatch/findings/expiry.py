"""Findings about the expiry of segments."""

from collections.abc import Iterator

from segbatch.compiler.clock import Clock
from segbatch.compiler.lifecycle import expires_soon
from segbatch.definitions.definition import Definition
from segbatch.errors import Problem
from segbatch.findings.finding import Finding
from segbatch.text import counted


def find_expiring(definition: Definition, clock: Clock) -> Iterator[Finding]:
    """Find whether a segment expires within two weeks after the run's time."""
    left = expires_soon(definition.segment, clock)
    if left is not None:
        when = f"in {counted(left.days, 'day')}" if left.days else "in less than a day"
        message = f"the segment expires {when}, at {definition.segment.expires_at}, and has no members from then on"
        problem = Problem(f"{message}; change 'expires_at' to keep it", path="$.expires_at", severity="warning")
        yield Finding("expires-soon", definition.locate(problem))
