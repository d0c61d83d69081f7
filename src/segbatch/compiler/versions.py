"""Versions of software as texts whose order by code point is the order of semantic versioning 2.0."""

import polars as pl

from segbatch.compiler.literals import WHITE_SPACE, LiteralTypeError
from segbatch.model.values import Scalar

_NUMBER = "(0|[1-9][0-9]{0,99})"
_IDENTIFIER = "(?:0|[1-9][0-9]{0,99}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION = (
    rf"^[vV]?{_NUMBER}(?:\.{_NUMBER})?(?:\.{_NUMBER})?"
    rf"(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$"
)
_DIGITS = r"^[0-9]+$"
_RELEASE, _PRE_RELEASE = "~", "-"
"""A release comes after its pre-releases."""


def version_key(texts: pl.Expr) -> pl.Expr:
    """Return the keys of versions; null for texts that are not versions.

    A number is written after its length, so that longer numbers come later. In a pre-release, numbers come before other
    identifiers, and a space, which comes before all letters, ends an identifier.
    """
    parts = texts.str.strip_chars(WHITE_SPACE).str.extract_groups(_VERSION).struct
    major, minor, patch = (_number_key(parts.field(str(index)).fill_null("0")) for index in (1, 2, 3))
    identifier = pl.element()
    identifiers = (
        parts.field("4")
        .str.split(".")
        .list.eval(
            pl.when(identifier.str.contains(_DIGITS)).then("0" + _number_key(identifier)).otherwise("1" + identifier)
        )
    )
    suffix = pl.lit(_PRE_RELEASE) + identifiers.list.join(" ")
    key = pl.concat_str(major, minor, patch, suffix.fill_null(_RELEASE))
    return pl.when(parts.field("1").is_not_null()).then(key)


def _number_key(digits: pl.Expr) -> pl.Expr:
    return digits.str.len_bytes().cast(pl.String).str.zfill(3) + digits


def read_version(value: Scalar) -> str:
    """Return the key of a version in a rule.

    Raises:
        LiteralTypeError: The value is not a version.
    """
    if isinstance(value, str):
        key = pl.select(version_key(pl.lit(value))).item()
        if key is not None:
            return str(key)
    raise LiteralTypeError("write a version like '2.10.0', in quotes")
