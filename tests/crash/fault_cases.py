"""The commands that faults are injected into, and the expected tables, computed with sets."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from builders import rule, write_contacts, write_segment

AS_OF = {"r1": "2026-05-01T02:00:00Z", "r2": "2026-05-02T02:00:00Z", "r3": "2026-05-03T02:00:00Z"}

Row = tuple[Any, ...]
Tables = dict[str, list[Row]]


@dataclass
class Model:
    """The expected content of the tables, computed run by run with sets.

    Attributes:
        runs: The members of each run, and its rows in `segments`.
    """

    runs: list[tuple[str, set[Row], list[Row]]] = field(default_factory=list)

    def add(self, run_id: str, contacts: dict[str, int], segments: dict[str, int | None]) -> "Model":
        """Return the model with one more run; a segment without a limit is invalid, and keeps its members."""
        before = self.runs[-1][1] if self.runs else None
        earlier = {row[0]: row for row in self.runs[-1][2]} if self.runs else {}
        members, rows = set[Row](), list[Row]()
        for name, least in segments.items():
            was = {row for row in before or () if row[0] == name}
            if least is None:
                now, kept = was, (0, 0, earlier[name][5]) if earlier else (None, None, None)
                rows.append((name, "failed", len(now), *kept))
            else:
                now = {(name, who) for who, seats in contacts.items() if seats >= least}
                counts = (len(now - was), len(was - now)) if before is not None else (None, None)
                rows.append((name, "ok", len(now), *counts, run_id))
            members |= now
        return Model([*self.runs, (run_id, members, rows)])

    @property
    def tables(self) -> Tables:
        """Return the tables as the catalogue shows them."""
        changes, stays = list[Row](), list[list[Any]]()
        was = self.runs[0][1]
        first = _moment(self.runs[0][0])
        stays = [[*row, first, None] for row in was]
        for run_id, members, _ in self.runs[1:]:
            moment = _moment(run_id)
            changes += [(run_id, *row, "entered") for row in members - was]
            changes += [(run_id, *row, "exited") for row in was - members]
            for stay in stays:
                if stay[3] is None and tuple(stay[:2]) in was - members:
                    stay[3] = moment
            stays += [[*row, moment, None] for row in members - was]
            was = members
        return {
            "membership": sorted(self.runs[-1][1]),
            "membership_changes": sorted(changes),
            "membership_history": sorted((*stay[:3], stay[3] or "") for stay in stays),
            "segments": sorted(self.runs[-1][2]),
            "runs": [(run_id,) for run_id, *_ in self.runs],
        }


def _moment(run_id: str) -> str:
    return AS_OF[run_id].replace("T", " ").removesuffix("Z")


RUN = ["run", "--contacts", "contacts.parquet", "--segments", "segments", "--log-format", "plain", "--keep", "2"]
EXPORT = ["export", "many", "--to", "many.csv", "--columns", "seats", "--force"]
PEOPLE = {
    "r1": {f"c{number:02}": number for number in range(40)},
    "r2": {f"c{number:02}": (number * 7) % 45 for number in range(4, 48)},
    "r3": {f"c{number:02}": (number * 11) % 50 for number in range(2, 44)},
    "again": {f"c{number:02}": (number * 3) % 41 for number in range(3, 50)},
}
LEAST: dict[str, int | None] = {"few": 35, "many": 10, "some": 20}
BROKEN: dict[str, int | None] = LEAST | {"some": None}


def command(run_id: str) -> list[str]:
    return [*RUN, "--run-id", run_id, "--as-of", AS_OF[run_id], "--keep-days", "1"]


@dataclass(frozen=True)
class Scenario:
    """A command on a folder.

    Attributes:
        name: Its name.
        arguments: The command.
        status: Its exit status if there is no fault.
        before: The tables before; None if nothing is published.
        after: The tables afterwards.
        steps: The functions that create the folder.
        definitions: The definitions of a run.
    """

    name: str
    arguments: list[str]
    status: int
    before: Model | None
    after: Model | None
    steps: tuple[str, ...]
    definitions: dict[str, int | None] = field(default_factory=dict)

    @property
    def is_run(self) -> bool:
        """Whether the command is a run."""
        return bool(self.definitions)

    def outcome(self, hit: str, err: str) -> tuple[Model | None, int]:
        """Return the tables afterwards and the exit status; a segment with an invalid definition keeps its members."""
        name = hit.rpartition("/segments/")[2].removesuffix(".json")
        is_told = f"segments/{name}.json: cannot be read: " in err  # Python ignores the failure of some calls
        if not self.is_run or name not in self.definitions or not is_told:
            return self.after, self.status
        was = self.before or Model()
        was = Model(was.runs[:1]) if self.name == "redo" else was
        people = PEOPLE[self.steps[-1].removesuffix("?")]
        assert self.after is not None
        return was.add(self.after.runs[-1][0], people, self.definitions | {name: None}), 3


def scenarios() -> list[Scenario]:
    one = Model().add("r1", PEOPLE["r1"], LEAST)
    two, three = one.add("r2", PEOPLE["r2"], LEAST), one.add("r2", PEOPLE["r2"], LEAST).add("r3", PEOPLE["r3"], LEAST)
    again = one.add("r2", PEOPLE["again"], BROKEN)
    return [
        Scenario("first", command("r1"), 0, None, one, ("r1?",), LEAST),
        Scenario("second", command("r2"), 0, one, two, ("r1", "r2?"), LEAST),
        Scenario("redo", command("r2"), 3, two, again, ("r1", "r2", "again?"), BROKEN),
        Scenario("prune", ["runs", "prune", "--keep", "2", "--keep-days", "0"], 0, three, three, ("r1", "r2", "r3")),
        Scenario("relink", ["relink"], 0, one, two, ("r1", "keep", "r2", "stale")),
        Scenario("export", EXPORT, 0, two, two, ("r1", "r2", "old")),
        Scenario("verify", ["verify", "--all"], 0, two, two, ("r1", "r2")),
        Scenario("query", ["query", "FROM membership", "--json"], 0, two, two, ("r1", "r2")),
    ]


def write_inputs(work: Path, name: str) -> None:
    """Write the snapshot and the definitions of a run."""
    people = PEOPLE[name]
    write_contacts(work / "contacts.parquet", {"id": list(people), "seats": list(people.values())})
    for segment, least in (BROKEN if name == "again" else LEAST).items():
        write_segment(work / "segments", segment, rule("seats" if least is not None else "saets", "gte", least or 0))
