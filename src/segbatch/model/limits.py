"""Limits on the size of definitions. Each limit has its own error; `docs/rules.md` lists them."""

MAX_ID_LENGTH = 128
MAX_NAME_LENGTH = 200
MAX_OWNER_LENGTH = 200

MAX_TAGS = 50
"""Tags of a segment."""

MAX_TAG_LENGTH = 100
"""Characters in a tag."""

MAX_PREVIOUS_IDS = 20
"""Ids that a segment had before."""

MAX_EXAMPLES = 100
"""Contacts in each of the two lists of examples of a segment."""

MAX_EXAMPLE_LENGTH = 10_000
"""Characters in the JSON of one example."""

MAX_DEPTH = 30
"""Nesting depth of groups, including the segment itself."""

MAX_JSON_DEPTH = 100
"""Nesting depth of lists and objects in a file."""

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
"""Number of problems that are reported per definition, because each message takes time to build."""

MAX_DURATION = 999_999
"""Minutes, hours, days, weeks, months or years in a duration."""

MAX_CHAIN = 100
"""Length of a chain of segments that reference each other with `in_segment`."""

MAX_CHANGE = 10
"""Maximum of `max_change`: 10 means ten times the size; users who write 30 mean 0.3."""
