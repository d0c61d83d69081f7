"""Drawing walks: a world, and night after night of what happens to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from hypothesis import strategies as st

from .runs import Ask
from .worlds import (
    Amend,
    Come,
    Contact,
    Delete,
    Edit,
    Export,
    File,
    IdKind,
    Item,
    Leave,
    Move,
    Put,
    Remove,
    Rename,
    Reorder,
    RuleIs,
    Tear,
)

IDS = ["a", "b", "list", *(f"s{number}" for number in range(10))]
PATHS = ["a.json", "b.json", "s1.json", "list.json", "team/a.json", "team/list.json", "team/s2.json"]
SHARES = st.none() | st.sampled_from([0.0, 0.25, 0.5, 1.0])
PEOPLE = 30


@dataclass(frozen=True)
class Step:
    """What happens before a run, and how that is asked for.

    Attributes:
        edits: What happens.
        ask: How the run is asked for, but for its id and its moment.
        days: How long after the last run it is.
        again: Whose id it has, counted back from the last run; None for an id of its own.
        dry: Whether a dry run goes before it.
    """

    edits: tuple[Edit, ...]
    ask: Ask
    days: int
    again: int | None
    dry: bool


@dataclass(frozen=True)
class Walk:
    """A world and its steps.

    Attributes:
        kind: The type of the contacts' ids.
        first: How the world begins.
        steps: What happens then.
        prunes: Whether old runs lose their members as soon as may be.
    """

    kind: IdKind
    first: tuple[Edit, ...]
    steps: tuple[Step, ...]
    prunes: bool


def rules() -> st.SearchStrategy[RuleIs]:
    return st.one_of(
        st.builds(RuleIs, st.just("eq"), st.sampled_from(["pro", "free"])),
        st.builds(RuleIs, st.just("gt"), st.integers(0, 4)),
        st.builds(RuleIs, st.just("gt"), st.integers(0, 4)),
        st.builds(RuleIs, st.sampled_from(["in_segment", "not_in_segment"]), st.sampled_from(IDS)),
    )


FAULTS = st.sampled_from(["operator", "column", "value", None, None, None, None, None, None])
ENABLED = st.sampled_from([True, True, True, True, False])
EXPIRES = st.sampled_from([None, None, None, None, 24, 60, 96])
TAGS = st.sampled_from([(), (), ("vip",), ("new",), ("vip", "new")])
OWNERS = st.sampled_from([None, "ann", "bob"])
ONLY = st.tuples(
    st.frozensets(st.sampled_from(IDS[:5]), max_size=2),
    st.frozensets(st.sampled_from(["vip", "new"]), max_size=2),
    st.frozensets(st.sampled_from(["ann", "bob"]), max_size=1),
)
NOT_LIMITED = st.just((frozenset[str](), frozenset[str](), frozenset[str]()))
RULES = st.lists(rules(), min_size=1, max_size=2).map(tuple)


def items(segment_ids: st.SearchStrategy[str | None]) -> st.SearchStrategy[Item]:
    matches, shares = st.sampled_from(["all", "any"]), st.none() | SHARES
    return st.builds(Item, segment_ids, RULES, matches, FAULTS, shares, ENABLED, EXPIRES, TAGS, OWNERS)


def files() -> st.SearchStrategy[File]:
    own = items(st.none() | st.sampled_from(IDS)).map(lambda item: File((item,)))
    unique = st.lists(items(st.sampled_from(IDS)), min_size=1, max_size=4, unique_by=lambda item: item.segment_id)
    return own | unique.map(lambda several: File(tuple(several), is_list=True))


def changes() -> st.SearchStrategy[tuple[tuple[str, object], ...]]:
    """Draw what changes of a segment: its id, its rules, a mistake in it, its guard, whether it is enabled."""
    return st.one_of(
        st.tuples(st.tuples(st.just("segment_id"), st.none() | st.sampled_from(IDS))),
        st.tuples(st.tuples(st.just("rules"), RULES)),
        st.tuples(st.tuples(st.just("fault"), FAULTS)),
        st.tuples(st.tuples(st.just("max_change"), SHARES)),
        st.tuples(st.tuples(st.just("enabled"), st.booleans())),
        st.tuples(st.tuples(st.just("expires"), EXPIRES)),
        st.tuples(st.tuples(st.just("tags"), TAGS)),
        st.tuples(st.tuples(st.just("owner"), OWNERS)),
    )


def edits() -> st.SearchStrategy[Edit]:
    some = st.frozensets(st.integers(0, PEOPLE - 1), min_size=1, max_size=6)
    many = st.integers(0, PEOPLE - 1).flatmap(
        lambda first: st.integers(first + 1, PEOPLE).map(lambda end: frozenset(range(first, end)))
    )
    contacts = st.builds(Contact, st.none() | st.integers(0, 5), st.sampled_from(["pro", "free", None]))
    places = st.integers(0, 7)
    return st.one_of(
        st.builds(Come, some | many, contacts),
        st.builds(Leave, some),
        st.builds(Leave, many),
        st.builds(Reorder, st.integers(1, 36)),
        st.builds(
            Export, st.booleans(), st.integers(1, 3), st.sampled_from(["string", "large", "dictionary"]), st.booleans()
        ),
        st.builds(Put, st.sampled_from(PATHS), files()),
        st.builds(Delete, places),
        st.builds(Tear, places),
        st.builds(Tear, places),
        st.builds(Move, places, st.sampled_from(PATHS)),
        st.builds(Amend, places, places, changes()),
        st.builds(Remove, places, places),
        st.builds(Rename, places, places),
    )


def steps() -> st.SearchStrategy[Step]:
    often = st.sampled_from([False, False, False, True])
    asks = st.builds(
        Ask,
        run_id=st.just(""),
        as_of=st.just(datetime.min.replace(tzinfo=UTC)),
        rewind=often,
        allow_empty=often,
        max_change=SHARES,
        floor=st.sampled_from([0, 0, 4, 100]),
        accepted=st.just(frozenset({"all"})) | st.frozensets(st.sampled_from(IDS[:8]), max_size=2),
        allow_collapse=often,
        only=NOT_LIMITED | NOT_LIMITED | ONLY,
    )
    again = st.sampled_from([None, None, None, None, 0, 0, 1, 2])
    days = st.sampled_from([1, 1, 1, 1, 2, 0, -1, -2])
    return st.builds(Step, st.lists(edits(), max_size=4).map(tuple), asks, days, again, st.booleans())


def walks() -> st.SearchStrategy[Walk]:
    """Draw walks that begin with contacts and with segments in a list and in files of their own."""
    people = st.builds(Contact, st.none() | st.integers(0, 5), st.sampled_from(["pro", "free", None]))
    crowd = st.lists(people, min_size=1, max_size=PEOPLE).map(
        lambda drawn: tuple(Come(frozenset({number}), one) for number, one in enumerate(drawn))
    )
    good = st.builds(Item, st.sampled_from(IDS[3:]), RULES)
    several = st.lists(good, min_size=1, max_size=10, unique_by=lambda item: item.segment_id)
    listed = several.map(lambda drawn: (Put("list.json", File(tuple(drawn), is_list=True)),))
    own = st.builds(Put, st.sampled_from(PATHS), files()).map(lambda put: (put,))
    sound = st.just((Put("b.json", File((Item("b", (RuleIs("gt", 1),)),))),))
    first = st.tuples(crowd, listed, sound, own).map(lambda parts: tuple(edit for part in parts for edit in part))
    kinds: st.SearchStrategy[IdKind] = st.sampled_from(["int", "text", "uuid"])
    return st.builds(Walk, kinds, first, st.lists(steps(), min_size=3, max_size=10).map(tuple), st.booleans())
