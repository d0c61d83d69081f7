"""Errors of rules that the type of their field does not support."""


class OperatorTypeError(Exception):
    """An operator that the type of the field does not support; the text describes a valid alternative."""


class IgnoreCaseError(Exception):
    """`ignore_case` on a field that has no texts."""


class FieldKindsError(Exception):
    """Two fields whose types cannot be compared with each other; the text describes a valid alternative."""


class InvalidLiteralError(Exception):
    """A value that is not valid for any type; the text is the complete message, and contains the value."""


class RuleError(Exception):
    """A rule that cannot be evaluated on a snapshot.

    Attributes:
        key: The key of the rule that is wrong, such as `value`.
    """

    def __init__(self, key: str, message: str) -> None:
        self.key = key
        super().__init__(message)
