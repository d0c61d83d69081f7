"""What lies before a run: contacts and files of definitions, and what can happen to them from night to night."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

IdKind = Literal["int", "text", "uuid"]
ContactId = int | str | UUID
Fault = Literal["operator", "column", "value"]


START = datetime(2026, 1, 1, tzinfo=UTC)
"""The time of the first run."""


@dataclass(frozen=True)
class Contact:
    number: int | None = None
    plan: str | None = None


@dataclass(frozen=True)
class RuleIs:
    """`plan eq value`, `number gt value`, or `in_segment value`."""

    operator: Literal["eq", "gt", "in_segment", "not_in_segment"]
    value: Any

    def as_json(self) -> dict[str, Any]:
        fields = {"eq": {"field": "plan"}, "gt": {"field": "number"}}
        return {**fields.get(self.operator, {}), "operator": self.operator, "value": self.value}


FAULTS: Mapping[Fault, dict[str, Any]] = {
    "operator": {"field": "plan", "operator": "is", "value": "pro"},
    "column": {"field": "plam", "operator": "eq", "value": "pro"},
    "value": {"field": "number", "operator": "gt", "value": "many"},
}


@dataclass(frozen=True)
class Item:
    """A segment as somebody wrote it; without an id it has that of its file, and in a list it is broken.

    Attributes:
        expires: When it expires, in hours after the first run; whole days are written as a date.
    """

    segment_id: str | None
    rules: tuple[RuleIs, ...]
    match: Literal["all", "any"] = "all"
    fault: Fault | None = None
    max_change: float | None = None
    enabled: bool = True
    expires: int | None = None
    tags: tuple[str, ...] = ()
    owner: str | None = None
    previous: tuple[str, ...] = ()

    def is_active(self, as_of: datetime) -> bool:
        """Return whether a run evaluates the segment."""
        return self.enabled and (self.expires is None or as_of < START + timedelta(hours=self.expires))

    def as_json(self) -> dict[str, Any]:
        rules = [rule.as_json() for rule in self.rules] + ([FAULTS[self.fault]] if self.fault else [])
        written = {"name": "A segment", "match": self.match, "rules": rules}
        more = {
            "id": self.segment_id,
            "max_change": self.max_change,
            "enabled": None if self.enabled else False,
            "expires_at": self._expires_at(),
            "tags": list(self.tags) or None,
            "owner": self.owner,
            "previous_ids": list(self.previous) or None,
        }
        return written | {key: value for key, value in more.items() if value is not None}

    def _expires_at(self) -> str | None:
        if self.expires is None:
            return None
        moment = START + timedelta(hours=self.expires)
        return moment.isoformat() if self.expires % 24 else moment.date().isoformat()


@dataclass(frozen=True)
class File:
    """A file of definitions: one segment, or a list of them; a torn one is no JSON."""

    items: tuple[Item, ...]
    is_list: bool = False
    torn: bool = False

    def as_text(self) -> str:
        items = [item.as_json() for item in self.items]
        text = json.dumps(items if self.is_list else items[0])
        return text[:-1] if self.torn else text


@dataclass
class World:
    """All that a run reads.

    Attributes:
        kind: The type of the ids.
        contacts: The contacts by number, in the order of the snapshot.
        files: The files of definitions by path.
        has_plan: Whether the snapshot has the column `plan`.
        parts: Over how many files it is spread.
        layout: How texts lie in it, and how wide whole numbers are.
        is_partitioned: Whether plans are in the paths of the files, and not in the files.
        renames: How often a segment was renamed.
    """

    kind: IdKind
    contacts: dict[int, Contact] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)
    has_plan: bool = True
    parts: int = 1
    layout: Literal["string", "large", "dictionary"] = "string"
    is_partitioned: bool = False
    renames: int = 0

    def id_of(self, number: int) -> ContactId:
        match self.kind:
            case "int":
                return number
            case "text":
                return f"contact-{number}"
            case "uuid":
                return UUID(int=number << 100 | number)

    @property
    def by_id(self) -> dict[ContactId, Contact]:
        return {self.id_of(number): contact for number, contact in self.contacts.items()}

    def write(self, snapshot: Path, definitions: Path) -> None:
        """Write everything into two folders that are empty."""
        table = self._table()
        rows = -(-max(table.num_rows, 1) // self.parts)
        for part in range(self.parts):
            these = table.slice(part * rows, rows)
            for folder, own in (_partitions(these) if self._has_folders else {"": these}).items():
                (snapshot / folder).mkdir(exist_ok=True)
                pq.write_table(own, snapshot / folder / f"{part}.parquet", row_group_size=4)
        for path, file in self.files.items():
            (definitions / path).parent.mkdir(exist_ok=True)
            (definitions / path).write_text(file.as_text())

    @property
    def _has_folders(self) -> bool:
        return self.is_partitioned and self.has_plan and bool(self.contacts)

    def _table(self) -> pa.Table:
        people = self.contacts.values()
        columns = {
            "number": pa.array([one.number for one in people], pa.int64()),
            "id": self._ids(),
            "plan": pa.array([one.plan for one in people], pa.string()),
        }
        return pa.table(columns if self.has_plan else {name: columns[name] for name in ("number", "id")})

    def _ids(self) -> pa.Array:
        ids = list(self.by_id)
        match self.kind:
            case "int":
                wider = {"string": pa.int64(), "large": pa.int32(), "dictionary": pa.uint64()}
                return pa.array(ids, wider[self.layout])
            case "uuid":
                return pa.array([one.bytes for one in ids if isinstance(one, UUID)], pa.uuid())
            case "text":
                texts = pa.array(ids, pa.large_string() if self.layout == "large" else pa.string())
                return texts.dictionary_encode() if self.layout == "dictionary" else texts


def _partitions(table: pa.Table) -> dict[str, pa.Table]:
    """Return the contacts of each plan by the folder that names it; a plan that is null has Hive's mark."""
    rows: dict[str, list[int]] = {}
    for number, plan in enumerate(table["plan"].to_pylist()):
        rows.setdefault("plan=__HIVE_DEFAULT_PARTITION__" if plan is None else f"plan={plan}", []).append(number)
    return {folder: table.drop_columns(["plan"]).take(own) for folder, own in rows.items()}


@dataclass(frozen=True)
class Come:
    """Contacts come, or are not what they were."""

    who: frozenset[int]
    contact: Contact

    def change(self, world: World) -> None:
        world.contacts |= dict.fromkeys(sorted(self.who), self.contact)


@dataclass(frozen=True)
class Leave:
    who: frozenset[int]

    def change(self, world: World) -> None:
        world.contacts = {number: one for number, one in world.contacts.items() if number not in self.who}


@dataclass(frozen=True)
class Reorder:
    factor: int

    def change(self, world: World) -> None:
        order = sorted(world.contacts, key=lambda number: number * self.factor % 37)
        world.contacts = {number: world.contacts[number] for number in order}


@dataclass(frozen=True)
class Export:
    """The snapshot is laid out in another way, or lacks a column."""

    has_plan: bool
    parts: int
    layout: Literal["string", "large", "dictionary"]
    is_partitioned: bool

    def change(self, world: World) -> None:
        world.has_plan, world.parts, world.layout = self.has_plan, self.parts, self.layout
        world.is_partitioned = self.is_partitioned


@dataclass(frozen=True)
class Put:
    """A file is new, or is not what it was."""

    path: str
    file: File

    def change(self, world: World) -> None:
        world.files[self.path] = self.file


@dataclass(frozen=True)
class _OfFile:
    """What happens to a file that is there, by its place among them."""

    place: int

    def path(self, world: World) -> str | None:
        return sorted(world.files)[self.place % len(world.files)] if world.files else None


@dataclass(frozen=True)
class Delete(_OfFile):
    def change(self, world: World) -> None:
        world.files.pop(self.path(world) or "", None)


@dataclass(frozen=True)
class Tear(_OfFile):
    """A file is no JSON any more, or is mended."""

    def change(self, world: World) -> None:
        if path := self.path(world):
            world.files[path] = replace(world.files[path], torn=not world.files[path].torn)


@dataclass(frozen=True)
class Move(_OfFile):
    to: str

    def change(self, world: World) -> None:
        if path := self.path(world):
            world.files[self.to] = world.files.pop(path)


@dataclass(frozen=True)
class Amend(_OfFile):
    """One segment of a file is written anew; what is not told stays."""

    item: int
    changes: tuple[tuple[str, Any], ...]

    def change(self, world: World) -> None:
        path = self.path(world)
        if path and world.files[path].items:
            items = list(world.files[path].items)
            number = self.item % len(items)
            items[number] = replace(items[number], **dict(self.changes))
            world.files[path] = replace(world.files[path], items=tuple(items))


@dataclass(frozen=True)
class Remove(_OfFile):
    """One segment of a list is deleted."""

    item: int

    def change(self, world: World) -> None:
        path = self.path(world)
        if path and world.files[path].is_list and len(items := world.files[path].items) > 1:
            number = self.item % len(items)
            world.files[path] = replace(world.files[path], items=items[:number] + items[number + 1 :])


@dataclass(frozen=True)
class Rename(_OfFile):
    """One segment of a file gets an id that no segment ever had, and remembers the old one."""

    item: int

    def change(self, world: World) -> None:
        path = self.path(world)
        if path and world.files[path].items:
            items = list(world.files[path].items)
            number = self.item % len(items)
            old = items[number].segment_id or ("" if world.files[path].is_list else PurePath(path).stem)
            if old:
                world.renames += 1
                earlier = (*items[number].previous, old)[-20:]
                items[number] = replace(items[number], segment_id=f"r{world.renames}", previous=earlier)
                world.files[path] = replace(world.files[path], items=tuple(items))


Edit = Come | Leave | Reorder | Export | Put | Delete | Tear | Move | Amend | Remove | Rename


def in_order(paths: Mapping[str, File]) -> list[str]:
    """Return paths in the order in which a folder is read."""
    return sorted(paths, key=lambda path: PurePath(path).parts)
