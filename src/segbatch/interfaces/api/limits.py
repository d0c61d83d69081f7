"""How much the server takes, and how long it waits. All of it is in `docs/api.md`."""

__all__ = [
    "HEALTH",
    "KEEP_ALIVE",
    "MAX_ARRIVING",
    "MAX_BODY",
    "MAX_CONNECTIONS",
    "MAX_FIRST",
    "MAX_HEADERS",
    "MAX_MEMBERS",
    "MAX_REQUESTS",
    "MEMBERS",
    "PATIENCE",
    "PATTERN_TIME",
    "PREVIEW_MEMORY",
    "PREVIEW_PATIENCE",
    "PREVIEW_QUEUE",
    "PREVIEW_TIME",
    "STOP_TIME",
    "TIME_TO_READ",
    "TIME_TO_SEND",
]

HEALTH = "/healthz"
"""What is asked to know that the server is there, and answered however much else is going on."""

MAX_BODY = 4_000_000
"""Bytes in a request's body: a definition of the most characters, none of them ASCII."""

MAX_HEADERS = 16_384
"""Bytes in a request's first line and headers."""

MAX_CONNECTIONS = 500

MAX_REQUESTS = 64
"""Requests that are worked on at once; who asks meanwhile is told to come back."""

MAX_ARRIVING = 32
"""Of these, bodies of one key that are not there yet: who sends slowly keeps out nobody else."""

TIME_TO_SEND = 20.0
"""Seconds for all of a request to arrive."""

TIME_TO_READ = 60.0
"""Seconds for which a client may leave an answer unread."""

KEEP_ALIVE = 5
"""Seconds for which a connection may be idle; the Python client gives it up before."""

PATIENCE = 5.0
"""Seconds for which a change waits while others write."""

PATTERN_TIME = 10.0
"""Seconds for the regular expressions of a definition that is sent to compile."""

MEMBERS = 1_000
MAX_MEMBERS = 10_000
"""Members in a page, where nothing is said, and at most."""

MAX_FIRST = 1_000
"""Ids in a preview."""

PREVIEW_TIME = 60.0
"""Seconds for a preview."""

PREVIEW_PATIENCE = 10.0
"""Seconds for which a preview waits for the one before it."""

PREVIEW_QUEUE = 8
"""Previews that wait for the one before; more would keep everything else out."""

PREVIEW_MEMORY = 500_000_000
"""Bytes that the process of previews may have used and still be kept; above, it is replaced, which frees them."""

STOP_TIME = 3
"""Seconds for requests to end when the server does."""
