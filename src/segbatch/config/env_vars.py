"""Names of the settings file and the environment variables."""

import re

FILE = "segbatch.toml"

PREFIX = "SEGBATCH_"
"""The prefix of all environment variables."""

CHOICES = ("config", "job", "no_config")
"""Options that select the file and the job in it. They cannot be set in the file."""

OF_HOOKS = (
    "HOOK",
    "STATUS",
    "EXIT_STATUS",
    "PUBLISHED",
    "MESSAGE",
    "SECONDS",
    "CONTACTS_READ",
    "MEMBERSHIPS",
    "SEGMENTS_OK",
    "SEGMENTS_FAILED",
    "SEGMENTS_HELD",
    "SEGMENTS_DISABLED",
    "SEGMENTS_LEFT_OUT",
)
"""Variables that a hook gets in its environment, in addition to the output and the run id, which are settings too."""

OF_DELIVERIES = (
    "DESTINATION",
    "SEGMENT_ID",
    "DELIVERY",
    "IDEMPOTENCY_KEY",
    "ENTERED",
    "EXITED",
    "DELIVERY_FILE",
)
"""Variables that the command of a destination gets in its environment, in addition to the run id."""

OTHERS = frozenset(
    {
        *(f"{PREFIX}{name}" for name in ("API_KEY", "API_URL", "PROJECT_ID")),  # of the client
        f"{PREFIX}DATABASE",  # of sync
        f"{PREFIX}CACHE_DIR",  # of copies of outputs
        *(f"{PREFIX}{name}" for name in (*OF_HOOKS, *OF_DELIVERIES)),
        *(
            f"{PREFIX}{name}"
            for name in ("EXAMPLES", "PROFILE", "KILLS", "KILL_SEED", "FAULTS", "FAULT_SEED", "TELCO", "WRITES")
        ),  # of the tests
        *(f"{PREFIX}{name}" for name in ("BENCH_PYTHON", "OLD_DUCKDB_PYTHON")),
    }
)
"""Variables with the prefix that are not settings, but not mistakes either."""

OF_KUBERNETES = re.compile(rf"{PREFIX}(SERVICE_HOST|SERVICE_PORT\w*|PORT|PORT_\d+_\w+)")
"""Variables that Kubernetes sets in every pod if a service is called segbatch."""


def variable(name: str) -> str:
    """Return the variable of a setting: `SEGBATCH_ID_COLUMN` for `id_column`."""
    return PREFIX + name.upper()
