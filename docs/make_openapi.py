"""Write docs/openapi.json, the description of the API."""

import json
from pathlib import Path

from segbatch.interfaces.api.openapi import openapi

if __name__ == "__main__":
    Path(__file__).with_name("openapi.json").write_text(json.dumps(openapi(), indent=2) + "\n")
