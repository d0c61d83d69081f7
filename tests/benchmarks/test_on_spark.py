"""What the comparison with Spark prints beyond the start of all processes."""

import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PROGRAM = """
from on_spark import Pair, Whole, show_beyond_start

show_beyond_start(
    {
        1_000: {"first": Pair(Whole(1, 1.0, 0), Whole(20, 5.0, 40.0))},
        2_000_000: {"first": Pair(Whole(3, 4.0, 0), Whole(30, 9.0, 38.0))},
        20_000_000: {"first": Pair(Whole(30, 31.0, 0), Whole(300, 45.0, 60.0))},
    }
)
"""


def test_the_start_is_left_out() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=BENCHMARKS, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "2,000,000, first: Python 4.00, 1.33 times local; JVMs -2.00",
        "20,000,000, first: Python 40.00, 1.33 times local; JVMs 20.00",
        "Slope of Python's CPU seconds beyond the start, first: 1.00",
    ]
