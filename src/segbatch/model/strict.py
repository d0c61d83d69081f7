"""Base of the models of definitions, and the keys that they have in JSON."""

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo


class Strict(BaseModel):
    """Base of all parts of a definition: unknown keys are rejected, and nothing changes after loading."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, serialize_by_alias=True
    )


def keys_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the keys of a part of a definition, as they are written."""
    return {field.alias or name: field for name, field in model.model_fields.items()}
