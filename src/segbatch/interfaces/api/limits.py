"""Limits of the server on sizes, numbers and times. They are documented in `docs/api.md`."""

HEALTH = "/healthz"
"""The path of the health check, which is answered even under overload."""

MAX_BODY = 4_000_000
"""The maximum size of a request body in bytes: a definition of the maximum length without ASCII characters."""

MAX_HEADERS = 16_384
"""The maximum size of the request line and headers in bytes."""

MAX_CONNECTIONS = 500

MAX_REQUESTS = 64
"""The maximum number of requests in progress. Further ones get a response to retry."""

MAX_ARRIVING = 32
"""The maximum number of bodies that one key sends at the same time, so that a slow sender does not block others."""

TIME_TO_SEND = 20.0
"""The time limit for receiving a request, in seconds."""

TIME_TO_READ = 60.0
"""The time limit for a client to read the response, in seconds."""

KEEP_ALIVE = 5
"""The idle timeout of connections, in seconds. The Python client closes them before."""

LOCK_TIMEOUT = 5.0
"""The time limit for a change to wait for other writers, in seconds."""

PATTERN_TIME = 10.0
"""The time limit for compiling the regular expressions of a definition, in seconds."""

MEMBERS = 1_000
MAX_MEMBERS = 10_000
"""The default and maximum number of members on a page."""

MEMBERS_WITH_FIELDS = 50
MAX_MEMBERS_WITH_FIELDS = 500
"""The default and maximum number of members on a page with fields of the contacts."""

MAX_FIELDS = 10
"""The maximum number of fields of the contacts on a page of members."""

RUNS = 30
MAX_RUNS = 365
"""The default and maximum number of runs on a page, or in the history of a segment."""

SEGMENTS = 1_000
MAX_SEGMENTS = 10_000
"""The default and maximum number of segments of a run on a page."""

COMPARED = 40
MAX_COMPARED = 200
"""The default and maximum number of segments whose members are compared."""

VALUES = 20
MAX_VALUES = 100
"""The default and maximum number of suggested values of a field."""

MAX_FIRST = 1_000
"""The maximum number of ids in a preview."""

PREVIEW_TIME = 60.0
"""The time limit for a preview, in seconds."""

PREVIEW_QUEUE_TIME = 10.0
"""The time limit for a preview to wait for the previous one, in seconds."""

PREVIEW_QUEUE = 8
"""The maximum number of waiting previews. More would block all other requests."""

PREVIEW_MEMORY = 500_000_000
"""The maximum memory use of the preview process, in bytes. Above, it is replaced, which frees the memory."""

MAX_SIGN_IN_BODY = 10_000
"""The maximum size of the body of a sign-in in bytes."""

SESSION_TIME = 12 * 3600.0
"""The time limit for a session, in seconds."""

SESSION_IDLE_TIME = 2 * 3600.0
"""The time limit for a session without a request, in seconds."""

MAX_SESSIONS = 1_000
MAX_SESSIONS_OF_KEY = 100
"""The maximum number of sessions, and of those with one key. A further one ends the one unused for longest."""

STOP_TIME = 3
"""The time limit for requests to end at shutdown, in seconds."""
