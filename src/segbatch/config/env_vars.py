"""What the file and the variables are called."""

import re

__all__ = ["CHOICES", "FILE", "OF_KUBERNETES", "OTHERS", "PREFIX", "variable"]

FILE = "segbatch.toml"

PREFIX = "SEGBATCH_"
"""What every variable of the environment begins with."""

CHOICES = ("config", "job", "no_config")
"""What chooses the file and the part of it, and so cannot stand in it."""

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
)
"""What a hook finds in its environment, beside the output and the run's id, which are settings too."""

OTHERS = frozenset(
    {
        *(f"{PREFIX}{name}" for name in ("API_KEY", "API_URL", "PROJECT_ID")),  # the client's
        *(f"{PREFIX}{name}" for name in OF_HOOKS),
        *(
            f"{PREFIX}{name}"
            for name in ("EXAMPLES", "PROFILE", "KILLS", "KILL_SEED", "FAULTS", "FAULT_SEED", "TELCO", "WRITES")
        ),  # the tests'
        *(f"{PREFIX}{name}" for name in ("BENCH_PYTHON", "OLD_DUCKDB_PYTHON")),
    }
)
"""Variables that are no settings, and no mistakes."""

OF_KUBERNETES = re.compile(rf"{PREFIX}(SERVICE_HOST|SERVICE_PORT\w*|PORT|PORT_\d+_\w+)")
"""What Kubernetes sets in every pod beside a service that is called segbatch."""


def variable(name: str) -> str:
    """Return the variable of a setting: `SEGBATCH_ID_COLUMN` of `id_column`."""
    return PREFIX + name.upper()
