"""The file that describes the fields of a snapshot: written by `segbatch columns`, read by `check` and `run`."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class SchemaField(_Strict):
    """A field of the contacts.

    Attributes:
        path: The field as rules name it.
        type: The type that rules read it as, such as `text`, `list of number` or `object`.
        missing: Whether contacts may lack a value.
    """

    path: Annotated[str, Field(min_length=1)]
    type: Annotated[str, Field(pattern=r"^(list of )*(text|number|boolean|date-time|date|UUID|object|other|missing)$")]
    missing: bool


class SchemaFile(_Strict):
    """The fields of a snapshot, each column followed by the fields in it.

    Attributes:
        segbatch_schema: The version of the format.
    """

    segbatch_schema: Literal[1] = 1
    fields: Annotated[tuple[SchemaField, ...], Field(min_length=1)]
