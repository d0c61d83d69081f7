"""Base of the records of a run."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A part of the record of a run; nothing changes after it was made."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)  # most commands need no record
