"""Print, as JSON, the versions of those packages of the command line that are installed."""

from __future__ import annotations

import json
import sys
from importlib.metadata import PackageNotFoundError, version


def main() -> None:
    """Look for each."""
    found = {}
    for name in sys.argv[1:]:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    print(json.dumps(found))


if __name__ == "__main__":
    main()
