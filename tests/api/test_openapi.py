"""Compare the OpenAPI description with the behavior of the API."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from asking import PRO, Asking
from builders import rule
from segbatch.interfaces.api import app
from segbatch.interfaces.api.app import make_api
from segbatch.interfaces.api.problems import CODES
from segbatch.model.operators import OPERATORS

ROOT = Path(__file__).parents[2]
DESCRIBED = make_api().openapi()
SCHEMAS = DESCRIBED["components"]["schemas"]
REGISTRY: Registry[Any] = Registry().with_resource(
    "urn:api", Resource.from_contents({"$schema": "https://json-schema.org/draft/2020-12/schema", **DESCRIBED})
)


def fits(name: str, data: object) -> bool:
    schema = {"$ref": f"urn:api#/components/schemas/{name}"}
    return bool(Draft202012Validator(schema, registry=REGISTRY).is_valid(data))


def references(described: object) -> Iterator[str]:
    match described:
        case {"$ref": str(target)}:
            yield target
        case dict():
            for below in described.values():
                yield from references(below)
        case list():
            for below in described:
                yield from references(below)
        case _:
            return


def test_description_lists_exactly_the_endpoints_of_the_routers() -> None:
    there = {
        (method, route.path_format)
        for router in app.ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and route.include_in_schema
        for method in route.methods or ()
    }
    described = {
        (method.upper(), path)
        for path, operations in DESCRIBED["paths"].items()
        for method in operations
        if method != "parameters" and path != "/healthz"
    }
    assert described == there


def test_every_reference_resolves_to_a_schema() -> None:
    assert {target.rpartition("/")[2] for target in references(DESCRIBED)} <= SCHEMAS.keys()


def test_description_is_served_without_a_key_and_equals_the_docs(tmp_path: Path) -> None:
    served = Asking(tmp_path)("GET", "/openapi.json")
    assert served.json() == json.loads((ROOT / "docs" / "openapi.json").read_text()), "run `make docs`"


@pytest.mark.parametrize("name", SCHEMAS)
def test_examples_match_their_schemas(name: str) -> None:
    assert all(fits(name, example) for example in SCHEMAS[name].get("examples", []))


@pytest.mark.parametrize("file", sorted((ROOT / "sample_data" / "segments").glob("*.json")), ids=lambda file: file.stem)
def test_sample_segments_match_the_create_schema(file: Path) -> None:
    definition = json.loads(file.read_text())
    sent = {key: value for key, value in definition.items() if key in SCHEMAS["SegmentCreate"]["properties"]}
    assert fits("SegmentCreate", sent)


def test_every_operator_belongs_to_one_rule_schema() -> None:
    names = [name for name in SCHEMAS if name.endswith("Rule") and not name.startswith(("TableRule", "Field"))]
    kinds = [SCHEMAS[name]["properties"]["operator"]["enum"] for name in names]
    assert sorted(operator for kind in kinds for operator in kind) == sorted(OPERATORS)


@pytest.mark.parametrize(
    "wrong",
    [
        rule("a", "eqq", 1),
        rule("a", "eq"),
        rule("a", "in", []),
        rule("a", "in", "x"),
        rule("a", "between", [1]),
        rule("a", "within_last", "1 day"),
        rule("a", "gt", 1, ignore_case=True),
        rule("a", "gt", 1, value_field="b"),
        {"field": "a", "operator": "contains", "value_field": "b"},
        {"field": "a", "operator": "gt", "value_field": "b", "ignore_case": True},
        rule("a", "exists", missing="include"),
        rule("a", "eq", 1, extra=1),
        {"operator": "eq", "value": 1},
        {"operator": "in_segment", "value": "x", "field": "a"},
        {"match": "any", "rules": []},
        {"rules": [rule("a", "eq", 1)]},
    ],
)
def test_api_refuses_rules_that_the_schema_refuses(tmp_path: Path, wrong: dict[str, Any]) -> None:
    body = PRO | {"rules": [wrong]}
    assert not fits("SegmentCreate", body)
    assert Asking(tmp_path)("POST", json=body).status_code == 422


def test_responses_match_their_schemas(tmp_path: Path) -> None:
    ask = Asking(tmp_path).as_project("p")
    made = ask.made(match="any", max_change=0.5, rules=[rule("a", "exists"), {"match": "none", "rules": PRO["rules"]}])
    assert fits("Segment", made)
    assert fits("Segment", ask("PATCH", f"/{made['id']}", json={"match": None}).json())
    for answer in (ask("GET", "/x"), ask("POST", json={}), ask("POST", content=b"x"), ask("PUT")):
        assert fits("Problem", answer.json()), answer.text


def test_docs_list_every_problem_code() -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    assert not [code for code, (status, _) in CODES.items() if f"| {status} | `{code}` |" not in page]
