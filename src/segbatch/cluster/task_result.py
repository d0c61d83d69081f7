"""The results of tasks that are called for an item: a value as bytes, or an error that users can meet."""

from collections.abc import Callable

from segbatch.cluster.payloads import TaskError, decode_payload
from segbatch.errors import SegbatchError

_VALUE, _ERROR = b"V", b"E"


def encode_result(find: Callable[[], bytes]) -> bytes:
    """Return the value that a function finds, or the error that it raises, for the driver."""
    try:
        return _VALUE + find()
    except SegbatchError as error:
        return _ERROR + TaskError.of(error).encode()


def decode_result(result: bytes) -> bytes:
    """Return the value that a task found.

    Raises:
        SegbatchError: The task met an error.
    """
    if result[:1] == _ERROR:
        raise TaskError.decode(decode_payload(result[1:])).to_error()
    return result[1:]
