"""Random sequences of runs: edits, runs that are done again, rewinds, renames, pruning and lost files."""

import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import segbatch
from builders import rule, write_segment
from segbatch.runs.prune import prune_runs
from segbatch.storage.catalog_rebuild import relink
from segbatch.storage.keep import Keep
from workspace import FIRST_RUN, Workspace

PLANS = ("free", "pro", "team")
PEOPLE = [f"contact {number}" for number in range(12)]


class RunSequence:
    """A workspace in which random things happen.

    Attributes:
        log: What happened, for a test that fails.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a test
        self.place, self.log = Workspace(folder), list[str]()
        self.segments = {plan: plan for plan in PLANS}
        self._names = list[str]()
        for plan in PLANS:
            self.place.segment(plan)
        self._lost: tuple[Path, bytes] | None = None
        self._run(0)

    def act(self) -> None:
        """Do one random thing, and mostly run afterwards."""
        choice = self.random.choices(
            [
                self.run_next,
                self.run_again,
                self.rewind,
                self.rename,
                self.delete,
                self.prune,
                self.lose,
                self.start_over,
                self.spoil,
                self.disable,
            ],
            [8, 3, 3, 3, 1, 2, 1, 0.3, 1, 1],
        )[0]
        self.log.append(choice.__name__)
        with suppress(segbatch.PublishError, segbatch.UsageError):  # such as a rewind to a run that was pruned
            choice()

    @property
    def _number(self) -> int:
        """The number of the last run."""
        return int(self.place.history().runs[-1].run.run_id.partition("-")[2])

    @property
    def lost_run(self) -> str | None:
        """The run whose changes are lost, if it is still published."""
        file = self._lost[0] if self._lost else None
        runs = self.place.history().runs
        return next((past.run.run_id for past in runs if file and past.folder == file.parent.name), None)

    def _edit(self) -> None:
        people = self.random.sample(PEOPLE, self.random.randint(8, len(PEOPLE)))
        self.place.contacts(**{name: self.random.choice(PLANS) for name in people})

    def _run(self, number: int, **options: Any) -> None:
        self._edit()
        self.place.run(number, guard=segbatch.Guard(accepted=["all"], allow_collapse=True), **options)

    def run_next(self) -> None:
        self._run(self._number + 1)

    def run_again(self) -> None:
        self._run(self._number)

    def rewind(self) -> None:
        target = self.random.randint(max(1, self._number - 1), max(1, self._number))
        self._run(target, rewind="some")

    def start_over(self) -> None:
        self._run(0, rewind="all")

    def rename(self) -> None:
        old = self.random.choice(sorted(self.segments))
        new = self.random.choice([f"{old}x", *sorted({*PLANS, *self._names} - {*self.segments})])
        plan = self.segments.pop(old)
        self.place.drop(old)
        self.place.segment(new, plan, previous_ids=[old])
        self.segments[new] = plan
        self._names.append(old)
        self.run_next()

    def delete(self) -> None:
        if len(self.segments) > 2:
            old = self.random.choice(sorted(self.segments))
            del self.segments[old]
            self.place.drop(old)
            self._names.append(old)
        else:
            new = self.random.choice([name for name in (*PLANS, "late") if name not in self.segments])
            self.segments[new] = self.random.choice(PLANS)
            self.place.segment(new, self.segments[new])
        self.run_next()

    def spoil(self) -> None:
        """Let a segment fail in a run: it keeps its members."""
        name = self.random.choice(sorted(self.segments))
        write_segment(self.place.folder / "segments", name, rule("plam", "eq", "pro"))
        self.run_next()
        self.place.segment(name, self.segments[name])

    def disable(self) -> None:
        """Let a segment have no members in a run."""
        name = self.random.choice(sorted(self.segments))
        self.place.segment(name, self.segments[name], enabled=False)
        self.run_next()
        self.place.segment(name, self.segments[name])

    def prune(self) -> None:
        prune_runs(self.place.output, Keep(2, 0), FIRST_RUN.replace(year=2030))
        self.run_next()

    def lose(self) -> None:
        """Lose the changes of a run, or find them again."""
        if self._lost:
            file, content = self._lost
            if file.parent.exists():
                file.write_bytes(content)
            self._lost = None
        else:
            past = self.random.choice(self.place.history().runs)
            file = self.place.place(past.folder) / "changes.parquet"
            self._lost = file, file.read_bytes()
            file.unlink()
        relink(self.place.output)
