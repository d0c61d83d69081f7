"""A column of JSON texts: the types of the values at paths over the whole snapshot, and the values.

The texts are parsed by DuckDB's JSON functions. Only the keys that rules name are examined.
"""

from collections.abc import Collection, Iterable
from copy import copy
from typing import Self

import polars as pl
import pyarrow as pa

from segbatch.snapshot.fields.json_look import JsonLook, JsonPath, look_at
from segbatch.snapshot.fields.json_text import pointer_of, ways_to_split
from segbatch.snapshot.fields.json_texts import BrokenTextError, FoundValues, JsonTexts
from segbatch.snapshot.fields.json_types import CommonType, common_type
from segbatch.snapshot.fields.json_values import BatchValues, convert


class JsonColumn:
    """A column of JSON texts.

    First, `look_at` returns the looks at the batches of the snapshot, which are merged to `look`. After that,
    `common_type` returns the type of the values at a path, and `decode` reads them as that type. A path is
    dotted; None means the whole text.

    Attributes:
        look: The look at all texts.
    """

    def __init__(self, paths: Iterable[JsonPath], *, objects: bool) -> None:
        """Prepare to examine texts.

        Args:
            objects: Whether every text must be an object.
        """
        self._pointers = {
            path: {pointer_of(keys): keys for keys in ways_to_split(path)} for path in dict.fromkeys(paths)
        }
        self._types: dict[JsonPath, CommonType] = {}
        self._texts = JsonTexts(objects=objects)
        self._are_sound = True
        self.look = JsonLook()

    def for_other_texts(self) -> Self:
        """Return a column with the same types whose texts are others than those that were looked at."""
        found = copy(self)
        found._are_sound = False  # noqa: SLF001 - of the same class
        return found

    def look_at(self, texts: pl.Series) -> JsonLook:
        """Return the look at one batch."""
        return self.examine(texts)[0]

    def examine(self, texts: pl.Series) -> tuple[JsonLook, dict[JsonPath, pa.Array]]:
        """Return the look at one batch, and the JSON values at each path."""
        pointers = {path: [*found] for path, found in self._pointers.items()}
        return look_at(texts, pointers, self._texts)

    def common_type(self, path: JsonPath) -> CommonType:
        """Return the type of the values at a path."""
        if path not in self._types:
            self._types[path] = common_type(self.look.of(path))
        return self._types[path]

    def splits(self, path: JsonPath) -> tuple[tuple[str, ...], ...]:
        """Return the ways to split a path into keys that find a value in some text; the first one counts."""
        return tuple(keys for pointer, keys in self._pointers[path].items() if pointer in self.look.found(path))

    def decode(self, texts: pl.Series, paths: Collection[JsonPath]) -> dict[JsonPath, pl.Series]:
        """Return the values of some paths in a batch, read as `common_type` determines. Missing values are null.

        Objects, and lists that cannot be compared, are returned as text: they can only be checked for presence.
        """
        pointers = {path: [one for one in self._pointers[path] if one in self.look.found(path)] for path in paths}
        flat = [pointer for found in pointers.values() for pointer in found]
        values, numbers = BatchValues(self._find(texts, flat), self._texts), iter(range(len(flat)))
        return {
            path: self.convert(values.column(values.first_of([next(numbers) for _ in found])), path)
            for path, found in pointers.items()
        }

    def convert(self, values: pa.Array, path: JsonPath) -> pl.Series:
        """Return JSON values at a path, read as `common_type` determines."""
        return convert(values, self.common_type(path), self._texts)

    def _find(self, texts: pl.Series, pointers: list[str]) -> FoundValues:
        """Return the values at some pointers. Texts that cannot be read have none."""
        if self._are_sound and not self.look.broken:
            try:
                return self._texts.find(texts, pointers)
            except BrokenTextError:  # the file was written since the look, which is reported at its end
                pass
        return self._texts.read(texts, pointers)[1]
