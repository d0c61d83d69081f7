"""Test whether a column has content: a text that is not blank, or a list with elements."""

from sqlglot import exp

from segbatch.compiler.literals import UNICODE_SPACE
from segbatch.snapshot.fields.types import Kind
from segbatch.sql.columns import Column
from segbatch.sql.dialects import Refused, never, text
from segbatch.sql.regex import SPACE

_LENGTHS = {
    "duckdb": "LEN",
    "postgres": "CARDINALITY",
    "snowflake": "ARRAY_SIZE",
    "bigquery": "ARRAY_LENGTH",
    "clickhouse": "length",
    "spark": "SIZE",
}


def has_content(column: Column) -> exp.Expr:
    """Test whether a column is not blank; the result may be null if the column is missing.

    Raises:
        Refused: The dialect may treat other characters as white space.
    """
    match column.kind:
        case Kind.TEXT:
            return _has_letters(column)
        case Kind.LIST:
            in_json = column.dialect == "postgres" and column.is_document
            function = "JSONB_ARRAY_LENGTH" if in_json else _LENGTHS[column.dialect]
            length = exp.Anonymous(this=function, expressions=[column.sql.copy()])
            return exp.GT(this=length, expression=exp.Literal.number(0))
        case Kind.NOTHING:
            return never()
        case _:
            return exp.Not(this=column.missing)


def _has_letters(column: Column) -> exp.Expr:
    operand = column.sql.copy()
    match column.dialect:
        case "duckdb":
            return exp.Anonymous(this="REGEXP_MATCHES", expressions=[operand, text(f"[^{SPACE}]")])
        case "clickhouse":
            raise Refused(f"which characters are white space may differ in {column.dialect}")
        case _:
            letters = exp.UnicodeString(this="".join(f"\\{ord(letter):04X}" for letter in UNICODE_SPACE))
            return exp.NEQ(this=exp.Trim(this=operand, expression=letters), expression=text(""))
