"""Record of a field that the rules of a run read."""

from segbatch.model.record import Record


class ReadingRecord(Record):
    """A type that rules read a field as, instead of the type of the column.

    Attributes:
        read_as: The type, as in the key `as` of a rule.
        is_inferred: Whether the type follows from the values, because all texts are dates, and not from a rule.
        values: The number of contacts with a value.
        unreadable: The number of values that cannot be read; they count as missing.
    """

    read_as: str
    is_inferred: bool
    values: int
    unreadable: int


class FieldRecord(Record):
    """A field that rules read, as it was in a run.

    Attributes:
        field: The name of the field in rules.
        kind: The field type, such as `number` or `list of text`. If no contact has a value, the last known field type.
        type: The type of the column, or of the part of the column that was read.
        is_mixed: Whether values of several types are read as text.
        kinds: The types of the values, or of the elements of lists, in JSON, maps and records.
        is_empty: Whether no contact has a value.
        readings: The types that rules read the field as, if not as the type of the column.
    """

    field: str
    kind: str
    type: str
    is_mixed: bool = False
    kinds: tuple[str, ...] = ()
    is_empty: bool = False
    readings: tuple[ReadingRecord, ...] = ()
