"""Run the curl examples of docs/api.md against a real server."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

import segbatch
from asking import PRO, serving
from builders import write_contacts
from segbatch.interfaces.api.keys.key_store import KeyRing

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
BLOCKS = [block for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL) if "curl" in block]
CALLS = [call for block in BLOCKS for call in re.split(r"(?m)^(?=curl )", block) if call.strip()]
"""Each call; assignments of variables before the first call of a block are separate."""
SHOWN = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)]


@pytest.mark.slow
def test_examples_of_the_api_page_run_in_order(tmp_path: Path) -> None:
    contacts = {"status": ["active", "new"], "custom_fields": [{"plan": "pro"}] * 2, "project_id": ["proj-1"] * 2}
    write_contacts(tmp_path / "contacts.parquet", contacts)
    _, secret = KeyRing(tmp_path / "segbatch-keys.json").create(["proj-1"])
    answers, made, assigned = dict[str, Any](), dict[str, Any](), ""
    with serving(tmp_path, "--contacts", "contacts.parquet") as server:
        environment = os.environ | {"API": server.url, "KEY": secret, "ID": ""}
        for call in CALLS:
            if not call.startswith("curl"):
                assigned += call
                continue
            command = assigned + call
            done = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, call + done.stderr
            answers[call] = json.loads(done.stdout) if done.stdout else None
            if call.startswith("curl -sf $API -H") and "-d" in call:
                made = answers[call]
                environment["ID"] = made["id"]
            if "-X DELETE" in call:  # the examples after it need a published segment
                kept = json.dumps(PRO | {"project_id": "proj-1", "rules": made["rules"]})
                (tmp_path / "segments" / "kept.json").write_text(kept)
                segbatch.run(tmp_path / "contacts.parquet", tmp_path / "segments", tmp_path / "output")
                environment["ID"] = "kept"

    def answered(words: str) -> Any:
        [found] = [answer for call, answer in answers.items() if words in call]
        return found

    assert len(answers) == 20
    assert next(iter(answers.values())) == []
    created, members, preview, check, runs, _error = SHOWN
    assert made.keys() == created.keys()
    assert answered("/members?").keys() == members.keys()
    assert answered("/members?")["members"] == ["a"]
    values = {"status": "active", "custom_fields.plan": "pro"}
    assert answered("/members/fields")["members"] == [{"id": "a", "values": values}]
    assert answered('"first": 2').keys() == preview.keys()
    assert answered('"first": 2')["first"] == ["a"]
    assert {key: made[key] for key in ("name", "description", "rules", "list_id", "updated_at")} == {
        key: created[key] for key in ("name", "description", "rules", "list_id", "updated_at")
    }
    assert answered("compare_with")["compared"] == {"segment_id": "kept", "member_count": 1, "entered": 1, "left": 1}
    assert answered("/check") == check
    assert answered("/explanation")["verdict"]["member"] is True
    assert "custom_fields.plan" in [field["name"] for field in answered("curl -sf $FIELDS -H")["fields"]]
    assert answered("/values") == {"name": "status", "values": []}
    assert answered("$RUNS?limit").keys() == runs.keys()
    assert answered("$RUNS?limit")["runs"][0].keys() == runs["runs"][0].keys()
    assert answered("/segments?history")["segments"][0]["id"] == "kept"
    assert answered("current/segments/$ID")["member_count"] == 1
    assert answered("/overlap")["counts"] == [[1]]
    assert [one["id"] for one in answered("/contacts/a")["segments"]] == ["kept"]
