"""Random sequences of runs, with deliveries between them: the receiver has exactly the published members."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import rule, write_segment
from segbatch import Keep
from segbatch.errors import SegbatchError
from segbatch.pipeline.guardrails import Guard
from segbatch.runs.prune import prune_runs
from workspace import Workspace

from .receiver import Killed, Receiver, deliver_to, killed, published, unconfirmed, well

PLANS = ("pro", "free", "team")
NAMES = ("a", "b", "c", "d")
ACCEPT = Guard(accepted=("all",), allow_collapse=True)


class Story:
    """A sequence of random steps in a folder."""

    def __init__(self, folder: Path, random: Random, receiver: Receiver) -> None:
        self.place, self.random, self.receiver = Workspace(folder), random, receiver
        self.segments: dict[str, dict[str, Any]] = {}
        self.number = 0
        self.change_contacts()
        self.create()
        self.run()

    def step(self) -> None:
        steps = (
            self.change_contacts,
            self.change_contacts,
            self.create,
            self.delete,
            self.rename,
            self.break_one,
            self.run,
            self.run,
            self.run,
            self.run_again,
            self.rewind,
            self.prune,
            self.deliver,
            self.deliver_badly,
            self.deliver_badly,
        )
        self.random.choice(steps)()

    def change_contacts(self) -> None:
        people = self.random.sample([f"p{number}" for number in range(8)], self.random.randint(1, 8))
        self.place.contacts(**{name: self.random.choice(PLANS) for name in people})

    def create(self) -> None:
        free = [name for name in NAMES if name not in self.segments]
        if free:
            self._write(self.random.choice(free), {"plan": self.random.choice(PLANS), "previous_ids": []})

    def delete(self) -> None:
        if len(self.segments) > 1:
            self._drop(self.random.choice(sorted(self.segments)))

    def rename(self) -> None:
        old = self.random.choice(sorted(self.segments))
        new = self.random.choice([name for name in NAMES if name != old])
        if new not in self.segments:
            facts = self.segments[old]
            self._drop(old)
            self._write(new, facts | {"previous_ids": [*facts["previous_ids"], old]})

    def break_one(self) -> None:
        name = self.random.choice(sorted(self.segments))
        self._write(name, self.segments[name] | {"field": self.random.choice(["plan", "plann"])})

    def _write(self, name: str, facts: dict[str, Any]) -> None:
        self.segments[name] = facts
        past = {"previous_ids": sorted(set(facts["previous_ids"]) - {name})} if facts["previous_ids"] else {}
        rules = rule(facts.get("field", "plan"), "eq", facts["plan"])
        write_segment(self.place.folder / "segments", name, rules, **past)

    def _drop(self, name: str) -> None:
        self.segments.pop(name)
        self.place.drop(name)

    def run(self) -> None:
        self.number += 1
        self._run(self.number)

    def run_again(self) -> None:
        self._run(self.number)

    def rewind(self) -> None:
        self._run(self.random.randint(1, self.number), rewind=True)

    def _run(self, number: int, **more: Any) -> None:
        with suppress(SegbatchError):  # every segment is broken, or the run to follow was pruned
            self.place.run(number, guard=ACCEPT, **more)

    def prune(self) -> None:
        with suppress(SegbatchError):
            prune_runs(self.place.output, Keep(self.random.randint(2, 4), 0), datetime.now(UTC))

    def deliver_badly(self) -> None:
        mishap, left = self.random.choice([unconfirmed, killed]), self.random.randint(0, 3)

        def later(when: str, message: Any) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                mishap(when, message)

        self.receiver.mishap = later
        with suppress(Killed, SegbatchError):
            deliver_to(self.place, {"start": "all"})
        self.receiver.mishap = well

    def deliver(self) -> None:
        report = deliver_to(self.place, {"start": "all"})
        lost = [str(error) for error in report.errors]
        assert all("are gone; send all members again" in error for error in lost), lost
        for error in lost:
            resent = deliver_to(self.place, {"start": "all"}, resend=True, segments=(error.split("--segment ")[1],))
            assert not resent.errors
        assert self.receiver.present == published(self.place)


@pytest.mark.slow
@pytest.mark.parametrize("keeps_keys", [True, False])
@given(seed=st.integers(0, 2**32))
def test_the_receiver_has_the_published_members(seed: int, *, keeps_keys: bool) -> None:
    receiver = Receiver(keeps_keys=keeps_keys)
    with (
        TemporaryDirectory() as folder,
        patch("segbatch.deliveries.deliver.open_sender", lambda _: receiver),
    ):
        story = Story(Path(folder), Random(seed), receiver)  # noqa: S311 - a seed to try again with
        for _ in range(20):
            story.step()
        story.deliver()
