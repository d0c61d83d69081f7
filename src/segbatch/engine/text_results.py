"""Results of predicates on columns with few distinct texts, looked up for each contact."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from segbatch.platform.bitmaps import Bitmaps
from segbatch.snapshot.encoded_texts import EncodedTexts

_BYTE = 8
_Table = npt.NDArray[np.uint8]
"""The results of eight predicates for each distinct text: one bit per predicate."""


class TextResults:
    """The results of predicates over distinct texts. They are kept, because consecutive batches often share texts."""

    def __init__(self, evaluate: Callable[[Sequence[int], pl.DataFrame], pl.DataFrame]) -> None:
        """Begin without results.

        Args:
            evaluate: Evaluates predicates, given by number, over texts: one column of booleans per predicate.
        """
        self._evaluate = evaluate
        self._known = dict[str, tuple[pl.DataFrame, Sequence[int], list[_Table]]]()

    def look_up(self, path: str, texts: EncodedTexts, numbers: Sequence[int], found: Bitmaps) -> None:
        """Set the bitmaps of some predicates by the text of each contact.

        Args:
            path: The column of the texts.
            texts: The texts of a batch of contacts.
            numbers: The predicates, which read only this column.
            found: The bitmaps of all predicates.

        Raises:
            EvaluationError: Polars cannot evaluate a predicate over these texts.
        """
        in_bytes = found.view(np.uint8)
        tables = self._tables(path, numbers, texts.frame)
        for start, table in zip(range(0, len(numbers), _BYTE), tables, strict=True):
            by_contact = table.take(texts.codes)
            for bit, number in enumerate(numbers[start : start + _BYTE]):
                packed = np.packbits(by_contact & np.uint8(1 << bit), bitorder="little")
                in_bytes[number, : len(packed)] = packed

    def _tables(self, path: str, numbers: Sequence[int], frame: pl.DataFrame) -> list[_Table]:
        last_frame, last_numbers, tables = self._known.get(path, (None, numbers, []))
        if last_frame is frame and last_numbers == numbers:
            return tables
        columns = [column.to_numpy() for column in self._evaluate(numbers, frame).get_columns()]
        eights = (columns[start : start + _BYTE] for start in range(0, len(columns), _BYTE))
        tables = [np.packbits(np.stack(eight), axis=0, bitorder="little")[0] for eight in eights]
        self._known[path] = frame, numbers, tables
        return tables
