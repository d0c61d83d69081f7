"""Jobs of the process that reads contacts: previews and explanations."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from segbatch.authoring.explain.explain import count_steps, explain_contact
from segbatch.authoring.explain.reports import Explanation, Funnel
from segbatch.authoring.preview import first_members
from segbatch.compiler.prepare import EvaluationOptions, PreparedEvaluation, prepare
from segbatch.definitions.definition import Definitions
from segbatch.errors import DefinitionError, Problem, UsageError
from segbatch.findings.definition_checks import find_in_definitions, kinds_of
from segbatch.findings.finding import Finding
from segbatch.model.pattern import reason_against
from segbatch.snapshot.snapshot import Snapshot

if TYPE_CHECKING:
    from segbatch.model.rule import Rule, TableRule

GoingOn = Callable[[], None]
NO_SQLGLOT = "SQL needs the extra sql, which the server does not have: pip install 'segbatch[sql]'"
NOT_EVALUATED = "the segment cannot be evaluated over the contacts"
_Result = TypeVar("_Result", covariant=True)  # noqa: PLC0105 - the name of a type parameter in mypy's messages

_MOST_SNAPSHOTS = 8
_checked = list[object]()
"""The snapshots whose ids were checked, so that further previews need not do it again."""


class Job(Protocol[_Result]):
    """A job that reads contacts.

    Attributes:
        seconds: The time limit.
    """

    @property
    def seconds(self) -> float:
        """The time limit in seconds."""
        ...

    def run(self, going_on: GoingOn) -> _Result:
        """Do the job.

        Args:
            going_on: Called after each batch of contacts; an exception that it raises stops the job.
        """
        ...


@dataclass(frozen=True, slots=True)
class Compared:
    """A saved segment that a preview is compared with, and the ids of two segments with the differences."""

    segment_id: str
    entered: str
    left: str


@dataclass(frozen=True, slots=True)
class Preview:
    """The result of a preview.

    Attributes:
        contacts: The number of contacts of the project.
        members: The number of members.
        first: The ids of the first members.
        warnings: Warnings about the draft.
        compared: The numbers of contacts in the saved segment, that enter it, and that leave it.
    """

    contacts: int
    members: int
    first: tuple[str | int, ...]
    warnings: tuple[Problem, ...]
    compared: tuple[int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class PreviewJob:
    """A preview to evaluate.

    Attributes:
        definitions: The draft, and the segments that it needs.
        draft: The id of the draft.
        whole_project: The id of a segment with all contacts of the project, if one is among the definitions.
        first: The number of ids to return.
        seconds: The time limit.
        compared: The saved segment to compare the draft with.
    """

    options: EvaluationOptions
    definitions: Definitions
    draft: str
    whole_project: str | None
    first: int
    seconds: float
    compared: Compared | None = None

    def run(self, going_on: GoingOn) -> Preview:
        """Evaluate the preview.

        Raises:
            DefinitionError: The draft, or the segment to compare with, cannot be evaluated over the contacts.
            SnapshotError: The contacts cannot be read.
            UsageError: The time zone is not valid.
        """
        _ensure_compiles(self.definitions, self.draft)
        also = {self.draft, *([self.compared.segment_id] if self.compared else [])}
        prepared = prepare(self.options, self.definitions, also_disabled=also)
        prepared.plan_of(self.draft)
        differing = self._differing(prepared)
        whole_project = None if self.whole_project in prepared.plan.failed else self.whole_project
        wanted = [self.draft, *differing, *([] if whole_project is None else [whole_project])]
        check_ids = _signature(prepared.snapshot) not in _checked
        found = {
            one.segment_id: one for one in first_members(prepared, wanted, self.first, going_on, check_ids=check_ids)
        }
        _remember_ids(prepared.snapshot)
        contacts = prepared.snapshot.rows if whole_project is None else found[whole_project].members
        warnings = [problem for problem in prepared.plan.warnings if problem.segment_id in {None, self.draft}]
        sizes = [found[segment_id].members for segment_id in differing]
        compared = (sizes[0], sizes[1], sizes[2]) if sizes else None
        draft = found[self.draft]
        return Preview(contacts, draft.members, draft.first, tuple(warnings), compared)

    def _differing(self, prepared: PreparedEvaluation) -> list[str]:
        """Return the ids of the saved segment and of the two segments with the differences."""
        if self.compared is None:
            return []
        try:
            prepared.plan_of(self.compared.segment_id)
        except DefinitionError:
            message = "the saved segment cannot be evaluated over these contacts, so there is nothing to compare with"
            raise DefinitionError([Problem(message, path="$.compare_with")]) from None
        return [self.compared.segment_id, self.compared.entered, self.compared.left]


def _signature(snapshot: Snapshot) -> object:
    """Return a value that is equal for a snapshot with the same files."""
    return (
        str(snapshot.source),
        snapshot.id_column,
        [(str(one.location), one.version, one.rows) for one in snapshot.files],
    )


def _remember_ids(snapshot: Snapshot) -> None:
    _checked[:] = [*(known for known in _checked if known != _signature(snapshot)), _signature(snapshot)]
    del _checked[:-_MOST_SNAPSHOTS]


def _ensure_compiles(definitions: Definitions, draft_id: str) -> None:
    """Compile the patterns of the draft, which the server has not done.

    Raises:
        DefinitionError: One does not compile.
    """
    [draft] = (one.segment for one in definitions.good if one.segment_id == draft_id)
    rules: list[tuple[str, Rule | TableRule]] = [*draft.rule_paths(), *draft.table_rules()]
    rules += [(path + place, row) for path, rule in draft.table_rules() for place, row in rule.row_rules()]
    reasons = ((path, reason_against(str(rule.value))) for path, rule in rules if rule.operator == "matches")
    problems = [Problem(reason, path=f"{path}.value") for path, reason in reasons if reason]
    if problems:
        raise DefinitionError(problems)


@dataclass(frozen=True, slots=True)
class Explained:
    """What contacts tell about a segment.

    Attributes:
        errors: The reasons why the segment cannot be evaluated; without any other part then.
        findings: The lint findings.
        warnings: Other warnings.
        sql: A query for the members, if it was asked for and is possible.
        no_sql: The reason why there is no query, unless it was not asked for.
        explanation: The reasons for one contact; None if it was not asked for, or does not exist.
    """

    errors: tuple[Problem, ...] = ()
    findings: tuple[Finding, ...] = ()
    warnings: tuple[Problem, ...] = ()
    sql: str | None = None
    no_sql: str | None = None
    funnel: Funnel | None = None
    explanation: Explanation | None = None


@dataclass(frozen=True, slots=True)
class ExplainJob:
    """A segment to check and to explain.

    Attributes:
        definitions: The segment, and those that it needs.
        whole_project: The id of a segment with all contacts of the project, if one is among the definitions.
        seconds: The time limit.
        sql: Whether to write the segment as SQL.
        funnel: Whether to count the contacts that each rule keeps.
        contact: The id of a contact to explain the segment for.
    """

    options: EvaluationOptions
    definitions: Definitions
    segment_id: str
    whole_project: str | None
    seconds: float
    sql: bool = False
    funnel: bool = False
    contact: str | None = None

    def run(self, going_on: GoingOn) -> Explained:
        """Check and explain the segment.

        Raises:
            SnapshotError: The contacts cannot be read.
            UsageError: The time zone is not valid.
        """
        try:
            _ensure_compiles(self.definitions, self.segment_id)
            prepared = prepare(self.options, self.definitions, also_disabled={self.segment_id})
            prepared.plan_of(self.segment_id)
        except DefinitionError as error:
            return Explained(errors=tuple(error.problems), no_sql=NOT_EVALUATED)
        among = None if self.whole_project in prepared.plan.failed else self.whole_project
        found = find_in_definitions(
            (one.definition for one in prepared.plan.segments), kinds_of(prepared), prepared.clock
        )
        own = {None, self.segment_id}
        sql, no_sql = self._sql(prepared) if self.sql else (None, None)
        return Explained(
            findings=tuple(finding for finding in found if finding.problem.segment_id in own),
            warnings=tuple(problem for problem in prepared.plan.warnings if problem.segment_id in own),
            sql=sql,
            no_sql=no_sql,
            funnel=count_steps(prepared, self.segment_id, among, going_on) if self.funnel else None,
            explanation=self._explanation(prepared) if self.contact is not None else None,
        )

    def _sql(self, prepared: PreparedEvaluation) -> tuple[str | None, str | None]:
        """Return a query over a table `contacts`, as clients must not see paths of the server; or why there is none."""
        try:
            from segbatch.sql.query import query  # noqa: PLC0415 - needs an extra
        except ImportError:
            return None, NO_SQLGLOT
        try:
            return query(prepared, self.segment_id, "duckdb", "contacts", self.options.project), None
        except DefinitionError as error:
            return None, "; ".join(problem.message for problem in error.problems)

    def _explanation(self, prepared: PreparedEvaluation) -> Explanation | None:
        """Return the explanation for a contact; None if it does not exist, or belongs to another project."""
        assert self.contact is not None  # noqa: S101 - the caller checks it
        try:
            found = explain_contact(prepared, self.segment_id, self.contact)
        except UsageError:
            return None
        is_other = any(verdict.path == "$.project_id" and not verdict.holds for verdict in found.verdicts)
        return None if is_other and self.options.project is not None else found
