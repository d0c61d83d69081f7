"""A look at the data of columns that rules read fields from, as plain data that several processes can collect."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce

from segbatch.snapshot.fields.json_look import JsonLook
from segbatch.snapshot.fields.keys import merge_keys


@dataclass(frozen=True, slots=True)
class FieldLook:
    """A look at some contacts. The columns and the fields are those of the `FieldReader` that collected it.

    Attributes:
        texts: The looks at the JSON texts of each place.
        present: For each way to read a field that is not in JSON texts, the number of contacts with a value.
        keys: A sample of the keys of each column that is a map.
    """

    texts: tuple[JsonLook, ...]
    present: tuple[int, ...]
    keys: Mapping[str, frozenset[str]]

    def then(self, following: "FieldLook") -> "FieldLook":
        """Return the look at these contacts and at those that follow them in the snapshot."""
        return FieldLook(
            tuple(mine.then(theirs) for mine, theirs in zip(self.texts, following.texts, strict=True)),
            tuple(mine + theirs for mine, theirs in zip(self.present, following.present, strict=True)),
            {name: merge_keys(keys, following.keys[name]) for name, keys in self.keys.items()},
        )


def merge_looks(looks: Iterable[FieldLook]) -> FieldLook:
    """Return the look at all contacts from those at its parts, in the order of the parts; there must be one."""
    return reduce(FieldLook.then, looks)
