"""Test explanations of saved segments, and checks of segments that are not saved."""

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import segbatch
from asking import PRO, Asking
from builders import rule, write_contacts, write_segment
from segbatch.snapshot.related.sources import TableSource

pytestmark = pytest.mark.slow  # each starts a process that reads contacts

GONE = "the contacts of the last run are gone: start the server with --contacts"
CONTACTS = pa.table(
    {
        "id": ["a", "b", "c", "d", "e"],
        "plan": ["pro", "pro", "free", "pro", "pro"],
        "country": ["DE", "US", "DE", "DE", None],
        "project_id": ["p", "p", "p", "q", "q"],
    }
)


@pytest.fixture
def ask(tmp_path: Path) -> Asking:
    contacts = write_contacts(tmp_path / "contacts.parquet", CONTACTS)
    return Asking(tmp_path, contacts=str(contacts)).as_project("p")


def explained(ask: Asking, segment_id: str, query: str = "") -> Any:
    answer = ask("GET", f"/{segment_id}/explanation{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def checked(ask: Asking, **body: Any) -> Any:
    answer = ask("POST", "/check", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(ask: Asking, path: str) -> tuple[int, str]:
    answer = ask("GET", path)
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


def in_words(
    path: str, words: str, definition: dict[str, Any], match: str | None = None, rules: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    return {"path": path, "words": words, "match": match, "definition": definition, "rules": list(rules)}


def test_segment_is_explained_in_words_and_as_sql(ask: Asking) -> None:
    group = {"match": "any", "rules": [rule("country", "eq", "DE"), rule("country", "empty")]}
    write_segment(ask.segments, "pro", rule("plan", "eq", "pro"), group, project_id="p")
    write_segment(
        ask.segments, "others", {"operator": "not_in_segment", "value": "pro"}, name="The others", project_id="p"
    )
    write_segment(ask.segments, "unseen", {"operator": "in_segment", "value": "pro"}, project_id="q")
    found = explained(ask, "pro")
    inner = [
        in_words("$.rules[1].rules[0]", 'country eq "DE"', rule("country", "eq", "DE")),
        in_words("$.rules[1].rules[1]", "country empty", rule("country", "empty")),
    ]
    sql = " ".join(found.pop("sql").split())
    assert sql.endswith(
        "FROM contacts WHERE project_id = 'p' AND plan = 'pro' AND ( country = 'DE' OR country IS NULL )"
    )
    assert found == {
        "segment_id": "pro",
        "match": "all",
        "words": [
            in_words("$.rules[0]", 'plan eq "pro"', rule("plan", "eq", "pro")),
            in_words("$.rules[1]", "any of", {"match": "any"}, "any", inner),
        ],
        "no_sql": None,
        "no_contacts": None,
        "names": [],
        "named_by": ["others"],
        "segment_names": {"others": "The others"},
        "errors": [],
        "findings": [],
        "contacts": None,
        "funnel": None,
        "verdict": None,
    }
    found = explained(ask, "others")
    assert (found["names"], found["segment_names"]) == (["pro"], {"pro": "Pro"})


def test_funnel_counts_only_contacts_of_the_project(ask: Asking) -> None:
    write_segment(ask.segments, "pro", rule("plan", "eq", "pro"), rule("country", "eq", "DE"), project_id="p")
    found = explained(ask, "pro", "?funnel=true")
    assert found["contacts"] == 3
    assert [(step["path"], step["count"], step["left"]) for step in found["funnel"]] == [
        ("$.project_id", 3, 3),
        ("$.rules[0]", 2, 2),
        ("$.rules[1]", 2, 1),
    ]
    ask.headers = {}
    assert [step["count"] for step in explained(ask, "pro", "?funnel=true")["funnel"]] == [3, 4, 3]


def test_contact_is_explained_only_to_its_project(ask: Asking) -> None:
    write_segment(ask.segments, "pro", rule("plan", "eq", "pro"), project_id="p")
    found = explained(ask, "pro", "?contact=c")["verdict"]
    assert (found["contact_id"], found["member"]) == ("c", False)
    [_, verdict] = found["verdicts"]
    assert (verdict["path"], verdict["holds"], verdict["why"]) == ("$.rules[0]", False, "'free' is not 'pro'")
    assert explained(ask, "pro", "?contact=a")["verdict"]["member"] is True
    for unseen in ("d", "nobody"):
        assert refused(ask, f"/pro/explanation?contact={unseen}") == (404, "no-contact")
    ask.headers = {}
    assert explained(ask, "pro", "?contact=d")["verdict"]["member"] is False


def test_each_part_of_an_explanation_has_its_rule(ask: Asking) -> None:
    write_segment(ask.segments, "germans", rule("country", "eq", "DE"), project_id="p")
    reference = {"operator": "in_segment", "value": "germans"}
    group = {"match": "any", "rules": [reference, rule("plan", "eq", "free", missing="exclude")]}
    write_segment(ask.segments, "both", rule("plan", "exists"), group, project_id="p")
    found = explained(ask, "both", "?funnel=true&contact=a")
    [of_project, first, second] = found["funnel"]
    assert (of_project["definition"], first["definition"]) == (rule("project_id", "eq", "p"), rule("plan", "exists"))
    assert (second["definition"], [one["definition"] for one in second["steps"]]) == ({"match": "any"}, group["rules"])
    [of_project, first, second] = found["verdict"]["verdicts"]
    assert (of_project["definition"], first["definition"]) == (rule("project_id", "eq", "p"), rule("plan", "exists"))
    assert (second["definition"], [one["definition"] for one in second["parts"]]) == ({"match": "any"}, group["rules"])
    [of_project, inside] = second["parts"][0]["parts"]
    assert (of_project["definition"], inside["definition"]) == (
        rule("project_id", "eq", "p"),
        rule("country", "eq", "DE"),
    )


def test_segments_without_a_project_stay_hidden(ask: Asking) -> None:
    write_segment(ask.segments, "shared", rule("plan", "eq", "secret-plan"))
    write_segment(ask.segments, "links", {"operator": "in_segment", "value": "shared"}, project_id="p")
    write_segment(ask.segments, "mine", {"operator": "not_in_segment", "value": "links"}, project_id="p")
    group = {"match": "any", "rules": [{"operator": "in_segment", "value": "shared"}, rule("plan", "eq", "pro")]}
    write_segment(ask.segments, "grouped", group, project_id="p")
    for name in ("links", "mine", "grouped"):
        answer = ask("GET", f"/{name}/explanation?contact=a&funnel=true")
        assert answer.status_code == 200, answer.text
        assert answer.json()["sql"] is None
        assert answer.json()["no_sql"] == "the rules refer to segments that the project cannot see"
        assert "secret-plan" not in answer.text
    ask.headers = {}
    assert "secret-plan" in explained(ask, "mine")["sql"]
    assert "secret-plan" in str(explained(ask, "links", "?contact=a")["verdict"])


def test_segments_that_cannot_be_explained(ask: Asking) -> None:
    write_segment(ask.segments, "theirs", rule("plan", "eq", "pro"), project_id="q")
    write_segment(ask.segments, "wrong", rule("plna", "eq", "pro"), project_id="p")
    (ask.segments / "broken.json").write_text('{"id": "broken", "project_id": "p"}')
    for unseen in ("theirs", "nothing"):
        assert refused(ask, f"/{unseen}/explanation") == (404, "not-found")
    assert refused(ask, "/broken/explanation") == (409, "broken-segment")
    assert refused(ask, "/wrong/explanation?contact=") == (400, "bad-request")
    assert refused(ask, "/wrong/explanation?funnel=yes") == (400, "bad-request")
    assert refused(ask, "/wrong/explanation?funnel=true&funnel=true") == (400, "bad-request")
    found = explained(ask, "wrong", "?contact=a&funnel=true")
    assert [error["path"] for error in found["errors"]] == ["$.rules[0].field"]
    assert (found["sql"], found["funnel"], found["verdict"]) == (None, None, None)
    assert found["no_sql"] == "the segment cannot be evaluated over the contacts"
    assert found["words"][0]["words"] == 'plna eq "pro"'


def test_without_contacts_only_definitions_are_explained_and_checked(ask: Asking) -> None:
    write_segment(ask.segments, "pro", rule("plan", "eq", " pro"), project_id="p")
    write_segment(ask.segments, "links", {"operator": "in_segment", "value": "pro"}, project_id="p")
    ask.service.contacts = None
    found = explained(ask, "pro")
    assert (found["sql"], [one["kind"] for one in found["findings"]]) == (None, ["surrounding-space"])
    assert found["no_sql"] == found["no_contacts"]
    assert found["no_sql"].startswith("no run is published yet")
    assert explained(ask, "links")["errors"] == []
    for query in ("?contact=a", "?funnel=true"):
        assert refused(ask, f"/pro/explanation{query}") == (409, "nothing-published")
    assert [one["kind"] for one in checked(ask, rules=[rule("plan", "eq", " pro")])["findings"]] == [
        "surrounding-space"
    ]
    reason = found["no_contacts"]
    assert checked(ask, rules=[rule("plna", "eq", "pro")]) == {"errors": [], "findings": [], "no_contacts": reason}


def _overwrite(path: Path) -> None:
    path.write_bytes(b"no Parquet")


def test_explanation_without_the_contacts_of_the_last_run_has_words_and_the_reason(
    ask: Asking, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_segment(ask.segments, "pro", rule("plan", "eq", "pro"), project_id="p")
    write_segment(ask.segments, "others", {"operator": "not_in_segment", "value": "pro"}, project_id="p")
    first, last = (write_contacts(tmp_path / "export" / f"{n}.parquet", CONTACTS.slice(n, 1)) for n in range(2))
    cases: list[tuple[Path, Callable[[], object], str]] = [
        (tmp_path / "contacts.parquet", (tmp_path / "contacts.parquet").unlink, GONE),
        (tmp_path / "export", first.unlink, GONE),
        (last, lambda: _overwrite(last), "the server cannot read the contacts now"),
        (tmp_path / "export", lambda: write_contacts(first, CONTACTS), "new files are among the contacts"),
    ]
    ask.service.contacts = None
    for source, change, reason in cases:
        if reason.startswith("new"):
            write_contacts(last, CONTACTS.slice(1, 1))
            write_contacts(tmp_path / "export" / "third.parquet", CONTACTS.slice(2, 1))
        segbatch.run(source, ask.segments, tmp_path / "output")
        change()
        found = explained(ask, "pro")
        assert ([one["words"] for one in found["words"]], found["named_by"]) == (['plan eq "pro"'], ["others"])
        assert (found["sql"], found["errors"], found["no_sql"]) == (None, [], found["no_contacts"])
        assert found["no_contacts"].startswith(reason)
        assert "error: " in capsys.readouterr().err
        for path in ("/pro/explanation?funnel=true", "/pro/explanation?contact=a"):
            assert refused(ask, path) == (503, "unavailable")
            assert str(tmp_path) not in ask("GET", path).text


def test_the_reason_is_given_wherever_the_contacts_of_the_last_run_are_gone(ask: Asking, tmp_path: Path) -> None:
    write_segment(ask.segments, "pro", rule("plan", "eq", "pro"), project_id="p")
    ask.service.contacts = None
    segbatch.run(tmp_path / "contacts.parquet", ask.segments, tmp_path / "output")
    (tmp_path / "contacts.parquet").unlink()
    answers = [
        ask("POST", "/preview", json=PRO),
        ask("POST", "/check", json=PRO),
        ask("GET", "/../../fields"),
        ask("GET", "/../../fields/values?field=plan"),
        ask("GET", "/pro/explanation?contact=a"),
    ]
    assert [(one.status_code, one.json()["detail"]) for one in answers] == [(503, GONE)] * len(answers)
    assert not any("Retry-After" in one.headers for one in answers)


def test_rules_that_read_a_related_table_of_the_last_run_that_is_gone_get_the_reason(
    ask: Asking, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask.service.contacts = None
    ask.headers = {}
    parts = [tmp_path / "orders" / f"{n}.parquet" for n in range(2)]
    for part in parts:
        write_contacts(part, pa.table({"contact_id": ["a", "b"]}))
    buys = {"table": "orders", "operator": "gte", "value": 1}
    write_segment(ask.segments, "buyers", buys)
    tables = {"orders": TableSource(tmp_path / "orders")}
    segbatch.run(tmp_path / "contacts.parquet", ask.segments, tmp_path / "output", tables=tables)

    def reason() -> str:
        refused = [
            ask("POST", "/preview", json={"rules": [buys]}),
            ask("POST", "/check", json={"rules": [{"operator": "not_in_segment", "value": "buyers"}]}),
        ]
        assert [one.status_code for one in refused] == [503, 503]
        assert not any("Retry-After" in one.headers for one in refused)
        assert capsys.readouterr().err.count("error: ") == 2
        [detail] = {one.json()["detail"] for one in refused}
        assert ask("POST", "/preview", json=PRO).json()["member_count"] == 4  # reads no table
        fields = ask("GET", "/../../fields").json()["fields"]
        assert {one["table"] for one in fields} == {None}
        return str(detail)

    write_contacts(tmp_path / "orders" / "new.parquet", pa.table({"contact_id": ["c"]}))
    of_the_table = "the files of the related table 'orders' of the last run"
    assert reason() == f"new files are among {of_the_table}: start the server with --table"
    parts[0].unlink()
    assert reason() == f"{of_the_table} are gone: start the server with --table"


def test_check_returns_errors_and_findings_with_their_places(ask: Asking) -> None:
    assert checked(ask, **PRO) == {"errors": [], "findings": [], "no_contacts": None}
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({"rules": []}, "$.rules", "there are no rules"),
        ({}, "$.rules", "'rules' is missing"),
        ({"rules": PRO["rules"], "id": "x"}, "$.id", "'id' is given by the server"),
        ({"rules": [rule("plan", "eqq", "x")]}, "$.rules[0].operator", "'eqq' is not an operator"),
        ({"rules": [rule("plna", "eq", "x")]}, "$.rules[0].field", "the snapshot has no column 'plna'"),
        ({"rules": [rule("plan", "matches", "(")]}, "$.rules[0].value", "'(' is not a valid regular expression"),
        ({"rules": [{"operator": "in_segment", "value": "no"}]}, "$.rules[0].value", "there is no segment 'no'"),
        ({"rules": [rule("plan", "within_last", "1d")]}, "$.rules[0].field", "'within_last' compares dates here"),
    ]
    for body, path, words in cases:
        [error] = checked(ask, **body)["errors"]
        assert (error["path"], error["message"][: len(words)]) == (path, words)
    both = [rule("plan", "eq", "pro"), rule("plan", "eq", "free")]
    [finding] = checked(ask, rules=both)["findings"]
    assert finding["kind"] == "contradiction"
    assert "(contradiction)" not in finding["message"]
    assert ask("POST", "/check", content=b"[", headers={"Content-Type": "application/json"}).status_code == 400


def test_check_suggests_a_similar_table_but_no_field_of_other_projects(ask: Asking, tmp_path: Path) -> None:
    pq.write_table(pa.table({"contact_id": ["a"], "at": [date(2020, 1, 1)]}), tmp_path / "orders.parquet")
    ask.service.tables = {"orders": TableSource(tmp_path / "orders.parquet", "contact_id", "at")}
    [error] = checked(ask, rules=[{"table": "ordrs", "operator": "gte", "value": 2}])["errors"]
    assert error["message"] == "the run was not given a table 'ordrs'; did you mean 'orders'?"
    [error] = checked(ask, rules=[rule("plann", "eq", "pro")])["errors"]
    assert "did you mean" not in error["message"]


def test_preview_is_compared_with_a_saved_segment(ask: Asking) -> None:
    write_segment(ask.segments, "saved", rule("country", "eq", "DE"), project_id="p")
    write_segment(ask.segments, "theirs", rule("plan", "eq", "pro"), project_id="q")
    write_segment(ask.segments, "wrong", rule("plna", "eq", "pro"), project_id="p")

    def preview(**body: Any) -> Any:
        return ask("POST", "/preview", json={"rules": PRO["rules"], **body})

    assert preview(compare_with="saved").json()["compared"] == {
        "segment_id": "saved",
        "member_count": 2,
        "entered": 1,
        "left": 1,
    }
    assert "compared" not in preview(compare_with=None).json()
    ask.headers = {}
    assert preview(compare_with="saved").json()["compared"] == {
        "segment_id": "saved",
        "member_count": 2,
        "entered": 3,
        "left": 1,
    }
    ask.as_project("p")
    for unseen in ("theirs", "nothing", 5, ["saved"]):
        answer = preview(compare_with=unseen)
        assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "$.compare_with")
        assert answer.json()["errors"][0]["message"].startswith("there is no segment")
    answer = preview(compare_with="wrong")
    assert answer.json()["errors"] == [
        {
            "path": "$.compare_with",
            "message": "the saved segment cannot be evaluated over these contacts, so there is nothing to compare with",
        }
    ]
