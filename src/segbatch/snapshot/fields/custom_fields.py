"""Fields in the data of columns: JSON texts, maps, records of key and value.

The contents are known only after the whole column was examined. So such a column is read once to look up fields. What
is found in a batch is a `FieldLook`, so that parts of a snapshot can be examined by several processes.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Literal, Self

import polars as pl
import pyarrow as pa

from segbatch.errors import Problem
from segbatch.snapshot.arrow.types import is_text
from segbatch.snapshot.encoded_texts import encode_few
from segbatch.snapshot.fields.alternatives import merged_type
from segbatch.snapshot.fields.derived_fields import KeptFields, Source, decode, key_of, source_of
from segbatch.snapshot.fields.field_look import FieldLook
from segbatch.snapshot.fields.json_column import JsonColumn
from segbatch.snapshot.fields.json_look import JsonLook
from segbatch.snapshot.fields.json_types import Mixture
from segbatch.snapshot.fields.kept_values import KeptValues, Piece
from segbatch.snapshot.fields.keys import CUSTOM_FIELDS, Columns, UnknownColumnError, find_column, merge_keys
from segbatch.snapshot.fields.paths import Way, ways_of, whole_text
from segbatch.snapshot.fields.resolution import Derived, missing_key_warning, no_object_warning, readable
from segbatch.snapshot.fields.types import Kind, is_map_of_keys, kind_of
from segbatch.snapshot.parquet.files import SnapshotFile
from segbatch.text import clipped, counted, shown

Form = Literal["json", "map"]


def form_of(field: pa.Field, custom_fields: str = CUSTOM_FIELDS) -> Form | None:
    """Return how a whole column of a file is read if that differs from how it is stored, else None.

    Args:
        custom_fields: The name of the column whose texts are JSON.
    """
    arrow_type = field.type
    if pa.types.is_map(arrow_type) and is_text(arrow_type.key_type):
        return "map"
    if isinstance(arrow_type, pa.BaseExtensionType):
        return "json" if arrow_type.extension_name == "arrow.json" else None
    stored = arrow_type.value_type if pa.types.is_dictionary(arrow_type) else arrow_type
    return "json" if field.name == custom_fields and is_text(stored) else None


@dataclass(slots=True)
class _Part:
    """One way to read a field, and the number of values found."""

    way: Way
    present: int = 0


class FieldReader:
    """A reader of fields in the data of columns.

    First, call `examine` with every batch of the snapshot, or `add` the looks at its parts in their order; then call
    `finish`. After that, `derived` has the fields, and `decode` reads them from a batch.

    Attributes:
        look: What was found so far.
        derived: The fields, after `finish`.
        kept: The values of the rows that were examined; None if they are not kept.
    """

    def __init__(self, fields: Iterable[str], columns: Columns, forms: Mapping[str, Form]) -> None:
        """Select the fields that must be looked up in the data.

        Args:
            forms: The columns that are read in another form than they are stored in.
        """
        self._columns, self._forms = columns, forms
        self._heads: dict[str, str] = {}
        self._parts: dict[str, list[_Part]] = {}
        self._sources: dict[object, Source] = {}
        for name in sorted(fields):
            self._add(name)
        self._open_sources()
        maps = [name for name in sorted({*self._heads.values()}) if is_map_of_keys(self._columns[name])]
        no_texts = tuple(JsonLook() for _ in self._sources)
        self.look = FieldLook(no_texts, (0,) * len(self._others), dict.fromkeys(maps, frozenset[str]()))
        self.derived: dict[str, Derived] = {}
        self.kept: KeptValues | None = None

    def _add(self, name: str) -> None:
        try:
            found = find_column(name, self._columns)
        except UnknownColumnError:
            return  # reported when the rule is compiled
        if found is None:
            return
        head, path = found
        dtype = self._columns[head]
        if path is None:
            ways = [whole_text(head, dtype)] if self._forms.get(head) == "json" else []
        else:
            ways = ways_of(head, dtype, path)
        if len(ways) > 1 or any(not way.is_static for way in ways):
            self._heads[name] = head
            self._parts[name] = [_Part(way) for way in ways]

    def _open_sources(self) -> None:
        """Group the JSON texts by their place, so that texts at one place are parsed once for all paths into them."""
        paths: dict[object, dict[str | None, None]] = {}
        ways: dict[object, Way] = {}
        for parts in self._parts.values():
            for part in parts:
                if part.way.json is not None:
                    source = source_of(part.way)
                    paths.setdefault(source, {})[part.way.json.key] = None
                    ways.setdefault(source, part.way)
        for source, way in ways.items():
            is_whole = None in paths[source] and self._forms.get(way.leaf) == "json"
            objects = not is_whole or way.leaf == (self._columns.alias or CUSTOM_FIELDS)
            texts = way.expr.cast(pl.String)
            self._sources[source] = Source(texts, way.leaf, JsonColumn(paths[source], objects=objects))

    @property
    def leaves(self) -> set[str]:
        """The paths to read from the files to examine all fields."""
        return {part.way.leaf for parts in self._parts.values() for part in parts}

    def leaves_of(self, name: str) -> set[str]:
        """Return the paths to read from the files for one field in `derived`."""
        return {way.leaf for way, _ in self.derived[name].ways}

    @property
    def _others(self) -> list[_Part]:
        """The ways that do not lead into JSON texts."""
        return [part for parts in self._parts.values() for part in parts if part.way.json is None]

    def examine(self, frame: pl.DataFrame, kept: KeptValues | None = None) -> None:
        """Examine the data of the next batch.

        Args:
            kept: Keeps the values of the batch.
        """
        look, values = self._examined(frame)
        self.add(look)
        if kept is not None:
            kept.add(values)

    def look_at(self, frame: pl.DataFrame) -> FieldLook:
        """Return the look at one batch."""
        return self._examined(frame)[0]

    def _examined(self, frame: pl.DataFrame) -> tuple[FieldLook, Piece]:
        """Return the look at one batch, and the values of each way."""
        values, texts = Piece(), list[JsonLook]()
        for key, source in self._sources.items():
            look, found = source.json.examine(frame.select(source.texts.alias("j")).to_series())
            texts.append(look)
            values.update({(key, path): column for path, column in found.items()})
        others = [
            frame.select(readable(part.way.expr, part.way.dtype)[0].alias("v")).to_series() for part in self._others
        ]
        values.update({key_of(part.way): encode_few(column) for part, column in zip(self._others, others, strict=True)})
        keys = {
            name: merge_keys(frame.get_column(name).map.keys().explode().unique().drop_nulls().to_list())
            for name in self.look.keys
        }
        present = tuple(len(column) - column.null_count() for column in others)
        return FieldLook(tuple(texts), present, keys), values

    def add(self, look: FieldLook) -> None:
        """Add the look at the batches that follow."""
        self.look = self.look.then(look)
        for source, texts in zip(self._sources.values(), self.look.texts, strict=True):
            source.json.look = texts
        for part, present in zip(self._others, self.look.present, strict=True):
            part.present = present

    def for_other_rows(self) -> Self:
        """Return a reader of the same fields whose rows are others than those that were examined."""
        found = copy(self)
        found.kept = None
        found._sources = {  # noqa: SLF001 - of the same class
            key: replace(source, json=source.json.for_other_texts()) for key, source in self._sources.items()
        }
        return found

    @property
    def is_done(self) -> bool:
        """Whether more batches cannot change how the fields are read: each is read in one way, which found a value."""
        parts = self._parts.values()
        return not self._sources and all(len(ways) == 1 and ways[0].present for ways in parts)

    def finish(self) -> None:
        """Determine how each field is read, after all batches were examined, or `is_done`."""
        self.derived = {name: self._derive(name, parts) for name, parts in self._parts.items()}

    def _derive(self, name: str, parts: Sequence[_Part]) -> Derived:
        head, mixture, typed = self._heads[name], Mixture(), list[tuple[Way, pl.DataType]]()
        for part in parts:
            step = part.way.json
            if step is None:
                dtype = part.way.dtype
                if part.present and kind_of(dtype) is not Kind.NOTHING:
                    typed.append((part.way, dtype))
                    mixture.add(dtype, part.present)
            else:
                json = self._sources[source_of(part.way)].json
                found = json.common_type(step.key)
                if kind_of(found.dtype) is not Kind.NOTHING:
                    steps = (*part.way.steps[:-1], replace(step, splits=json.splits(step.key)))
                    typed.append((replace(part.way, steps=steps), found.dtype))
                    mixture.add_json(found)
        if not typed:
            return Derived(pl.Null(), head, (), self._no_key(name, head))
        if len(typed) == 1:
            dtype, is_mixed = typed[0][1], False
        else:
            dtype, is_mixed = merged_type([readable(pl.element(), dtype)[1] for _, dtype in typed])
        is_mixed = is_mixed or mixture.is_mixed
        warning = mixture.warning(name, self._columns.words.row) if is_mixed else None
        return Derived(dtype, head, tuple(typed), warning, is_mixed, tuple(sorted(mixture.kinds)))

    def _no_key(self, name: str, head: str) -> str | None:
        found = find_column(name, self._columns)
        path = found[1] if found else None
        if path is None:
            return None
        texts = [self._sources[source_of(part.way)] for part in self._parts[name] if part.way.json is not None]
        if texts and head not in self._forms and not any(source.json.look.objects for source in texts):
            return no_object_warning(texts[0].leaf, str(self._parts[name][0].way.steps[-1].key), self._columns.words)
        seen = [source.json.look.keys for source in self._sources.values() if source.leaf == head]
        keys = set().union(*seen, self.look.keys.get(head, frozenset()))
        return missing_key_warning(head, self._columns[head], path, self._columns.words, keys)

    def decode(self, frame: pl.DataFrame, names: Collection[str]) -> pl.DataFrame:
        """Add some fields to a batch, which must have the columns they are read from."""
        return decode(frame, self._wanted(names), self._sources)

    def read_kept(
        self, files: Sequence[SnapshotFile], names: Collection[str], texts: Collection[str]
    ) -> KeptFields | None:
        """Return a pass over kept values of some fields; None if the values of these files are not kept.

        Args:
            texts: The fields that the caller can use as `EncodedTexts`.
        """
        if self.kept is None or not self.kept.covers(files):
            return None
        return KeptFields(self._wanted(names), self._sources, texts, self.kept.read())

    def _wanted(self, names: Collection[str]) -> Mapping[str, Derived]:
        return {name: self.derived[name] for name in names if self.derived[name].ways}

    def problems(self, id_at: Callable[[int], str | int | None]) -> list[Problem]:
        """Return warnings about texts that are not JSON, each with the row and the contact's id of the first such text.

        The id is the only contact data that may be shown. A text column without any JSON object gets no warning,
        because it is not meant to be JSON; the rule that reads it gets the warning instead.
        """
        broken = [source for source in self._sources.values() if source.json.look.broken]
        return [
            _problem(source, self._columns.words.row, id_at)
            for source in broken
            if source.json.look.objects or source.leaf in self._forms
        ]


def _problem(source: Source, word: str, id_at: Callable[[int], str | int | None]) -> Problem:
    json = source.json.look
    message = f"'{clipped(source.leaf)}' of {counted(json.broken, word)} is not a JSON object and counts as missing"
    row = f"in row {json.first_broken + 1:,}: {json.fault}"
    named = f"{message}; the first is that of {shown(id_at(json.first_broken))} {row}"
    return Problem(named, severity="warning", without_ids=f"{message}; the first is {row}")
