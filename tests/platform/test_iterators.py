"""Items that are gathered to lists of a size."""

from itertools import count, islice

from segbatch.platform.iterators import gather


def test_a_list_ends_with_the_item_that_reaches_the_size() -> None:
    assert [*gather(["a", "bb", "cccc", "d", "", "e"], 3, len)] == [["a", "bb"], ["cccc"], ["d", "", "e"]]
    assert [*gather([], 3, len)] == []


def test_items_are_read_when_they_are_needed() -> None:
    assert [*islice(gather(count(), 3, lambda _: 1), 2)] == [[0, 1, 2], [3, 4, 5]]
