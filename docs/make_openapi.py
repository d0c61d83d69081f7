"""Write docs/openapi.json, the description of the API."""

import json
from pathlib import Path

from segbatch.interfaces.api.app import make_api

if __name__ == "__main__":
    Path(__file__).with_name("openapi.json").write_text(json.dumps(make_api().openapi(), indent=2) + "\n")
