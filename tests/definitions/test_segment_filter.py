"""Restriction of commands to some segments."""

from typing import Any

import pytest

from builders import rule, segment
from segbatch.definitions.definition import BrokenDefinition, Definition, Definitions, Entry
from segbatch.definitions.segment_filter import ALL_SEGMENTS, SegmentFilter
from segbatch.errors import UsageError

SOME = rule("plan", "exists")


def definition(segment_id: str, *refers_to: str, **more: Any) -> Definition:
    rules = [{"operator": "in_segment", "value": target} for target in refers_to]
    return Definition(segment(*(rules or [SOME]), id=segment_id, **more))


DEFINITIONS = Definitions(
    (
        definition("a", tags=["vip", "new"], owner="ann"),
        definition("b", "c", tags=["vip"], owner="bob"),
        definition("c", "d", "broken", "nowhere"),
        definition("d", owner="ann"),
    ),
    (
        BrokenDefinition("broken", "broken.json", "$", (), {"tags": ["old"], "owner": "cem"}),
        BrokenDefinition("twin", "twin.json", "$", (), {"tags": ["twins"]}, is_ambiguous=True),
    ),
)


@pytest.mark.parametrize(
    ("only", "selected", "evaluated"),
    [
        (SegmentFilter(), "a b c d broken twin", "a b c d broken twin"),
        (SegmentFilter(["a"]), "a", "a"),
        (SegmentFilter(["a", "d"]), "a d", "a d"),
        (SegmentFilter(tags=["vip"]), "a b", "a b c d broken"),
        (SegmentFilter(tags=["vip"], owners=["ann"]), "a", "a"),
        (SegmentFilter(owners=["ann", "cem"]), "a d broken", "a d broken"),
        (SegmentFilter(("b", "a"), ("vip",), ("bob",)), "b", "b c d broken"),
        (SegmentFilter(["b", "c"]), "b c", "b c d broken"),
        (SegmentFilter(["twin"]), "twin", "twin"),
    ],
)
def test_segments_meet_each_kind_of_condition(only: SegmentFilter, selected: str, evaluated: str) -> None:
    entries: list[Entry] = [*DEFINITIONS.good, *DEFINITIONS.broken]
    assert [entry.segment_id for entry in only.select(entries)] == selected.split()
    assert only.apply(DEFINITIONS).ids == evaluated.split()


@pytest.mark.parametrize(
    ("only", "message"),
    [
        (SegmentFilter(["aa"]), "there is no segment 'aa'; there are a, b, broken, c, d, twin (--segment)"),
        (SegmentFilter(["brokn"]), "there is no segment 'brokn'; did you mean 'broken'? (--segment)"),
        (SegmentFilter(tags=["VIP"]), "no segment has the tag 'VIP'; did you mean 'vip'? (--tag)"),
        (SegmentFilter(tags=["twins"]), "no segment has the tag 'twins'; there are new, old, vip (--tag)"),
        (SegmentFilter(owners=["anna"]), "no segment has the owner 'anna'; did you mean 'ann'? (--owner)"),
        (
            SegmentFilter(["d"], ["vip", "new"], ["ann"]),
            (
                "no segment has id 'd' and tag 'vip' or 'new' and owner 'ann'; "
                "use fewer of the options --segment, --tag and --owner"
            ),
        ),
    ],
)
def test_an_unknown_condition_is_refused(only: SegmentFilter, message: str) -> None:
    for select in (lambda: only.apply(DEFINITIONS), lambda: only.select(DEFINITIONS.good + DEFINITIONS.broken)):
        with pytest.raises(UsageError) as raised:
            select()
        assert str(raised.value) == message


def test_an_unknown_tag_is_refused_if_no_segment_has_tags() -> None:
    with pytest.raises(UsageError, match=r"^no segment has the tag 'vip' \(--tag\)$"):
        SegmentFilter(tags=["vip"]).apply(Definitions((definition("a"),), ()))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"tags": "vip"}, "tags must be a list of texts; found 'vip' (--tag)"),
        ({"segments": [5]}, "segments must be a list of texts; found [5] (--segment)"),
    ],
)
def test_conditions_are_lists_of_texts(values: Any, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        SegmentFilter(**values)
    assert str(raised.value) == message


def test_a_filter_without_conditions_is_false() -> None:
    assert not ALL_SEGMENTS
    assert SegmentFilter(owners=["ann"])
