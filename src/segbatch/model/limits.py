"""How large a definition can be. Each limit has its own error; all of them are in `docs/rules.md`."""

__all__ = [
    "MAX_CHAIN",
    "MAX_CHANGE",
    "MAX_DEFINITION_LENGTH",
    "MAX_DEPTH",
    "MAX_DURATION",
    "MAX_FILE_SIZE",
    "MAX_ID_LENGTH",
    "MAX_JSON_DEPTH",
    "MAX_NAME_LENGTH",
    "MAX_PROBLEMS",
    "MAX_RULES",
    "MAX_VALUES",
    "MAX_VALUE_LENGTH",
]

MAX_ID_LENGTH = 128
MAX_NAME_LENGTH = 200

MAX_DEPTH = 30
"""Groups inside each other, the segment itself counted."""

MAX_JSON_DEPTH = 100
"""Lists and objects inside each other, in a file."""

MAX_RULES = 1_000
"""Rules and groups in a segment."""

MAX_VALUES = 10_000
"""Values in the list of one rule."""

MAX_VALUE_LENGTH = 10_000
"""Characters in one value."""

MAX_DEFINITION_LENGTH = 1_000_000
"""Characters in the JSON of one segment."""

MAX_FILE_SIZE = 100_000_000
"""Bytes in a file of definitions."""

MAX_PROBLEMS = 100
"""Problems of one definition that are told, each of which takes its time to find words for."""

MAX_DURATION = 999_999
"""Hours, days or weeks in a duration."""

MAX_CHAIN = 100
"""Segments that name each other in a row, by `in_segment`."""

MAX_CHANGE = 10
"""What `max_change` may say: 10 is ten times the size; who writes 30 means 0.3."""
