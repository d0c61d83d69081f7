"""Results of predicates that are looked up by the text of each contact, over several batches."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from segbatch.engine.text_results import TextResults
from segbatch.platform.bitmaps import empty_bitmaps
from segbatch.snapshot.encoded_texts import EncodedTexts

NUMBERS = [*range(1, 11)]


def evaluate(numbers: Sequence[int], frame: pl.DataFrame) -> pl.DataFrame:
    """Predicate N is true for texts of N or more characters."""
    lengths = frame.get_column("f").str.len_chars().fill_null(0)
    return pl.DataFrame({str(number): lengths >= number for number in numbers})


def bits(results: TextResults, texts: list[str], codes: list[int], numbers: list[int]) -> list[list[int]]:
    found = empty_bitmaps(11, len(codes))
    frame = FRAMES.setdefault(tuple(texts), pl.DataFrame({"f": [*texts, None]}))
    results.look_up("f", EncodedTexts(frame, np.array(codes, dtype=np.int32)), numbers, found)
    unpacked: list[list[int]] = np.unpackbits(
        found.view(np.uint8), axis=1, count=len(codes), bitorder="little"
    ).tolist()
    return unpacked


FRAMES = dict[tuple[str, ...], pl.DataFrame]()


def test_predicates_are_evaluated_again_only_for_other_texts_or_predicates() -> None:
    calls: list[tuple[int, int]] = []

    def counted(numbers: Sequence[int], frame: pl.DataFrame) -> pl.DataFrame:
        calls.append((len(numbers), frame.height))
        return evaluate(numbers, frame)

    results = TextResults(counted)
    for texts, codes, numbers in [
        (["a" * 10, "bb"], [0, 1, 2, 0] * 30, NUMBERS),
        (["a" * 10, "bb"], [1, 1, 2], NUMBERS),
        (["a" * 10, "bb", "ccc"], [3, 2, 1, 0], NUMBERS),
        (["a" * 10, "bb", "ccc"], [2], [3]),
        (["a" * 10, "bb", "ccc"], [], []),
    ]:
        expected = [
            [int(number in numbers and len([*texts, ""][code]) >= number) for code in codes] for number in range(11)
        ]
        assert bits(results, texts, codes, numbers) == expected
    assert calls == [(10, 3), (10, 4), (1, 4), (0, 4)]
