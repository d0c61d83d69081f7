"""A model of several runs, in sets and dictionaries: members, changes, and the runs that are refused.

It shares no code with the program. A published run is remembered by its memberships as a set of pairs; changes and
stays follow from comparing the sets of one run and the next.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal

from .worlds import Contact, ContactId, File, Item, RuleIs, World, in_order

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

Refusal = Literal["usage", "snapshot", "nothing", "pruned"]
Status = Literal["ok", "failed", "held", "disabled"]
Pair = tuple[str, ContactId]


@dataclass(frozen=True)
class Ask:
    """How a run is asked for."""

    run_id: str
    as_of: datetime
    rewind: bool = False
    allow_empty: bool = False
    max_change: float | None = None
    floor: int = 100
    accepted: frozenset[str] = frozenset()
    allow_collapse: bool = False
    only: tuple[frozenset[str], frozenset[str], frozenset[str]] = (frozenset(), frozenset(), frozenset())
    """The ids, tags and owners of the segments that the run is limited to; nothing for all."""


@dataclass(frozen=True)
class Shown:
    """A row of `segments`, with its members."""

    status: Status
    members: frozenset[ContactId] = frozenset()
    entered: int | None = None
    exited: int | None = None
    run_id: str | None = None
    file: str = ""
    follows: Item | None = None
    """The definition that the members follow."""
    pending: Item | None = None
    """The definition that can be read and waits, if it is another one."""
    left_out: bool = False
    guess: bool = False
    """Whether it never was a segment: nobody could read its id, nor has it members."""


@dataclass(frozen=True)
class Run:
    """A published run."""

    run_id: str
    as_of: datetime
    contacts: frozenset[ContactId]
    segments: dict[str, Shown]
    pruned: bool = False
    renamed: dict[str, str] = field(default_factory=dict)
    """The ids of the segments that have other ids since this run, each with its new one."""

    @property
    def pairs(self) -> set[Pair]:
        return {(segment_id, one) for segment_id, shown in self.segments.items() for one in shown.members}


@dataclass(frozen=True)
class Read:
    """What a folder of definitions holds.

    Attributes:
        good: The segments that can be read.
        broken: The ids of those that cannot.
        files: For each segment, its file.
        wrong: The files in which something is wrong.
        unread: Those of the broken ones that stand alone and whose keys can be read.
        guesses: Those of the broken ids that stand in no file, and are made of its name.
    """

    good: dict[str, Item]
    broken: set[str]
    files: dict[str, str]
    wrong: set[str]
    guesses: set[str] = field(default_factory=set)
    unread: dict[str, Item] = field(default_factory=dict)


def read(files: dict[str, File], root: str) -> Read:
    """Read definitions; a file that cannot be read goes by its stem, or by its path where that is taken."""
    found = [(*entry, path) for path in in_order(files) for entry in _entries(path, files[path])]
    counts = Counter(segment_id for segment_id, _, _, _ in found)
    result = Read({}, set(), {}, set())
    for stem, item, written, path in found:
        is_clash = counts[stem] > 1
        segment_id = f"{root}/{path}" if is_clash and files[path].torn else stem
        rivals = sum(one == stem and not files[where].torn for one, _, _, where in found)
        result.files.setdefault(segment_id, path)
        if item is None or item.fault == "operator" or (rivals > 1 and not files[path].torn):
            result.broken.add(segment_id)
            result.wrong.add(path)
            if item is None:
                result.guesses.add(segment_id)
            if written is not None and rivals == 1:
                result.unread[segment_id] = written
        else:
            result.good[segment_id] = item
    return result


def _entries(path: str, file: File) -> Iterator[tuple[str, Item | None, Item | None]]:
    """Yield each segment of a file by its id, None where it is not even a segment, and what is written of it."""
    stem = PurePath(path).stem
    if file.torn:
        yield stem, None, None
    elif not file.is_list:
        yield file.items[0].segment_id or stem, file.items[0], file.items[0]
    else:
        for number, item in enumerate(file.items):
            yield item.segment_id or f"{stem}[{number}]", item if item.segment_id else None, item


def limited(everything: Read, ask: Ask) -> Read | None:
    """Return the definitions that a run is limited to, with all that they name; None if nothing is left."""
    if not any(ask.only):
        return everything
    labels = {name: (item.tags, item.owner) for name, item in (everything.good | everything.unread).items()}
    labels = dict.fromkeys(everything.broken, ((), None)) | labels
    ids, tags, owners = ask.only
    known = {tag for own, _ in labels.values() for tag in own}, {owner for _, owner in labels.values()}
    if ids - labels.keys() or tags - known[0] or owners - known[1]:
        return None
    wanted = {
        name
        for name, (own, owner) in labels.items()
        if (not ids or name in ids) and (not tags or tags & set(own)) and (not owners or owner in owners)
    }
    if not wanted:
        return None
    while more := {one for name in wanted & everything.good.keys() for one in named(everything.good[name])} - wanted:
        wanted |= more
    good = {name: item for name, item in everything.good.items() if name in wanted}
    return replace(everything, good=good, broken=everything.broken & wanted)


def evaluated(every: dict[str, Item], world: World, as_of: datetime) -> dict[str, frozenset[ContactId]]:
    """Return who is in each segment that can be evaluated; a segment waits for those that it names."""
    good = {name: item for name, item in every.items() if item.is_active(as_of)}
    members: dict[str, frozenset[ContactId]] = {}
    while ready := [name for name, item in good.items() if name not in members and _is_ready(item, world, members)]:
        for name in ready:
            people = world.by_id.items()
            members[name] = frozenset(one for one, contact in people if _holds(good[name], one, contact, members))
    return members


def named(item: Item) -> set[str]:
    return {rule.value for rule in item.rules if rule.operator in {"in_segment", "not_in_segment"}}


def _is_ready(item: Item, world: World, members: Collection[str]) -> bool:
    needs_plan = any(rule.operator == "eq" for rule in item.rules)
    return item.fault is None and (world.has_plan or not needs_plan) and named(item) <= set(members)


def _holds(item: Item, one: ContactId, contact: Contact, members: dict[str, frozenset[ContactId]]) -> bool:
    answers = [_meets(rule, one, contact, members) for rule in item.rules]
    return all(answers) if item.match == "all" else any(answers)


def _meets(rule: RuleIs, one: ContactId, contact: Contact, members: dict[str, frozenset[ContactId]]) -> bool:
    match rule.operator:
        case "eq":
            return contact.plan == str(rule.value)
        case "gt":
            return contact.number is not None and contact.number > int(rule.value)
        case "in_segment":
            return one in members[rule.value]
        case "not_in_segment":
            return one not in members[rule.value]


@dataclass
class Model:
    """The published runs.

    Attributes:
        root: The path of the folder of definitions.
        prunes: Whether all but the last two runs lose their members as soon as a run is published.
        runs: The runs, in order.
    """

    root: str
    prunes: bool = False
    runs: list[Run] = field(default_factory=list)

    def run(self, world: World, ask: Ask) -> set[Refusal]:
        """Make a run. Return the reasons if it is refused; nothing has changed then."""
        everything = read(world.files, self.root)
        definitions = limited(everything, ask)
        if definitions is None:
            return {"usage"}
        members = evaluated(definitions.good, world, ask.as_of)
        first = next((n for n, run in enumerate(self.runs) if run.run_id == ask.run_id or run.as_of > ask.as_of), None)
        kept, taken = (self.runs, []) if first is None else (self.runs[:first], self.runs[first:])
        last, renamed = _follow(kept[-1], everything) if kept else (None, {})
        refusals = self._refusals(definitions, members, world, ask)
        takes_back = any(run.run_id != ask.run_id for run in taken)
        if takes_back and not (ask.rewind and (kept or "all" in ask.accepted)):
            refusals.add("usage")
        elif last and last.pruned:
            refusals.add("pruned")
        elif last and _lost_too_many(last, world, ask):
            refusals.add("snapshot")
        if last and "usage" not in refusals and not any(ask.only) and _deleted_too_many(definitions, last, ask):
            refusals.add("nothing")
        if not refusals:
            contacts = frozenset(world.by_id)
            segments = _segments(definitions, members, last, ask, is_empty=not world.contacts)
            self.runs = [*kept, Run(ask.run_id, ask.as_of, contacts, segments, renamed=renamed)]
            if self.prunes:
                self.runs[:-2] = [replace(run, pruned=True) for run in self.runs[:-2]]
        return refusals

    @staticmethod
    def _refusals(definitions: Read, members: Collection[str], world: World, ask: Ask) -> set[Refusal]:
        refusals: set[Refusal] = set()
        if not definitions.good and not definitions.broken:
            refusals.add("usage")
        elif not members and (
            definitions.broken or any(item.is_active(ask.as_of) for item in definitions.good.values())
        ):
            refusals.add("nothing")
        if not world.contacts and not ask.allow_empty:
            refusals.add("snapshot")
        return refusals

    def presented(self) -> list[Run]:
        """Return the runs, with the ids that the segments have now."""
        presented = []
        for number, run in enumerate(self.runs):
            segments = {}
            for segment_id, row in run.segments.items():
                now = segment_id
                for later in self.runs[number + 1 :]:
                    now = later.renamed.get(now, now)
                segments[now] = row
            presented.append(replace(run, segments=segments))
        return presented

    def changes(self) -> Counter[tuple[str, datetime, str, ContactId, str]]:
        """Return the rows of `membership_changes`."""
        rows: Counter[tuple[str, datetime, str, ContactId, str]] = Counter()
        runs = self.presented()
        for before, run in pairwise(runs):
            for pairs, word in ((run.pairs - before.pairs, "entered"), (before.pairs - run.pairs, "exited")):
                rows.update((run.run_id, run.as_of, *pair, word) for pair in pairs)
        return rows

    def stays(self) -> Counter[tuple[str, ContactId, datetime, datetime | None]]:
        """Return the rows of `membership_history`."""
        rows: Counter[tuple[str, ContactId, datetime, datetime | None]] = Counter()
        since: dict[Pair, datetime] = {}
        for run in self.presented():
            for pair in since.keys() - run.pairs:
                rows[(*pair, since.pop(pair), run.as_of)] += 1
            since |= dict.fromkeys(run.pairs - since.keys(), run.as_of)
        rows.update((*pair, moment, None) for pair, moment in since.items())
        return rows


def _follow(last: Run, everything: Read) -> tuple[Run, dict[str, str]]:
    """Give the segments of the last run the ids that they have now, where definitions tell of their earlier ones."""
    defined = everything.good.keys() | everything.broken
    renamed: dict[str, str] = {}
    for items in (everything.good, everything.unread):
        for segment_id, item in sorted(items.items()):
            gone = [old for old in item.previous if old in last.segments and old not in defined]
            if segment_id not in last.segments and gone:
                renamed.setdefault(gone[-1], segment_id)
    return replace(last, segments={renamed.get(name, name): row for name, row in last.segments.items()}), renamed


def _lost_too_many(last: Run, world: World, ask: Ask) -> bool:
    gone = len(last.contacts - world.by_id.keys())
    free = ask.allow_empty or "all" in ask.accepted or len(last.contacts) < ask.floor
    return not free and 2 * gone > len(last.contacts)


def deleted(definitions: Read, last: Run) -> dict[str, int]:
    """Return the segments of a run that are not defined any more, and how many members they had."""
    there = definitions.good.keys() | definitions.broken
    return {
        segment_id: len(row.members)
        for segment_id, row in last.segments.items()
        if segment_id not in there and row.file not in definitions.wrong and not row.guess
    }


def _deleted_too_many(definitions: Read, last: Run, ask: Ask) -> bool:
    gone, known = len(deleted(definitions, last)), sum(not row.guess for row in last.segments.values())
    return gone >= 5 and 2 * gone > known and "all" not in ask.accepted


def _segments(
    definitions: Read, members: dict[str, frozenset[ContactId]], last: Run | None, ask: Ask, *, is_empty: bool
) -> dict[str, Shown]:
    before = last.segments if last else {}
    held = _held(definitions, members, before, ask, is_empty=is_empty)
    shown: dict[str, Shown] = {}
    for segment_id in definitions.good.keys() | definitions.broken:
        file = definitions.files[segment_id]
        if segment_id in members and segment_id not in held:
            found = _found(members[segment_id], before.get(segment_id), ask.run_id, file, last)
            shown[segment_id] = replace(found, follows=definitions.good[segment_id])
        elif segment_id in definitions.good and not definitions.good[segment_id].is_active(ask.as_of):
            left = _found(frozenset(), before.get(segment_id), ask.run_id, file, last)
            shown[segment_id] = replace(left, status="disabled", run_id=None)
        else:
            kept = _kept(before.get(segment_id), "held" if segment_id in held else "failed", file)
            waiting = definitions.good.get(segment_id)
            if kept.follows and waiting and _written(waiting) != _written(kept.follows):
                kept = replace(kept, pending=waiting)
            shown[segment_id] = replace(kept, guess=kept.run_id is None and segment_id in definitions.guesses)
    if any(ask.only):
        shown |= {name: _left_out(row) for name, row in before.items() if name not in shown}
    for segment_id, row in before.items():
        if segment_id not in shown and row.file in definitions.wrong and not row.guess:
            shown[segment_id] = _kept(row, "failed", row.file)
    return shown


def _left_out(row: Shown) -> Shown:
    if row.run_id is not None or row.status == "disabled":
        row = replace(row, entered=0, exited=0)
    return replace(row, left_out=True)


def _found(members: frozenset[ContactId], before: Shown | None, run_id: str, file: str, last: Run | None) -> Shown:
    was = before.members if before else frozenset()
    if last is None:
        return Shown("ok", members, None, None, run_id, file)
    return Shown("ok", members, len(members - was), len(was - members), run_id, file)


def _kept(before: Shown | None, status: Status, file: str) -> Shown:
    if before is None or before.run_id is None:
        return Shown(status, file=file)
    return Shown(status, before.members, 0, 0, before.run_id, file, before.follows)


def _written(item: Item) -> Item:
    """Leave out the id, which a file may give."""
    return replace(item, segment_id=None)


def _held(
    definitions: Read,
    members: dict[str, frozenset[ContactId]],
    before: dict[str, Shown],
    ask: Ask,
    *,
    is_empty: bool,
) -> set[str]:
    held: set[str] = set()
    for segment_id, now in members.items():
        row, item = before.get(segment_id), definitions.good[segment_id]
        if row is None or row.follows is None or ask.accepted & {"all", segment_id}:
            continue
        was, is_same = len(row.members), (row.follows.match, row.follows.rules) == (item.match, item.rules)
        most = ask.max_change if item.max_change is None and is_same else item.max_change
        jumps = most is not None and max(was, len(now)) >= ask.floor and abs(len(now) - was) > most * was
        collapses = was > ask.floor and not now and is_same and not is_empty and not ask.allow_collapse
        if jumps or collapses:
            held.add(segment_id)
    while more := {name for name in members if name not in held and named(definitions.good[name]) & held}:
        held |= more
    return held
