"""Sessions of Spark, where PySpark is not installed."""

from typing import Any

import pytest

from segbatch.cluster.spark_sessions import stop_session


class ClassicSession:
    """A session of classic Spark, which has no client of Spark Connect."""

    is_stopped = False

    @property
    def client(self) -> Any:
        raise RuntimeError("[ONLY_SUPPORTED_WITH_SPARK_CONNECT] SparkSession.client")

    def stop(self) -> None:
        self.is_stopped = True


class LostSession(ClassicSession):
    """A session of a cluster that is gone."""

    def stop(self) -> None:
        super().stop()
        raise ConnectionError("gone")


@pytest.mark.parametrize("kind", [ClassicSession, LostSession])
def test_a_session_is_stopped(kind: type[ClassicSession]) -> None:
    session: Any = kind()
    stop_session(session)
    assert session.is_stopped
