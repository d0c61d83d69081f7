"""How many random cases property tests try."""

import os

CASES = int(os.environ.get("SEGBATCH_EXAMPLES", "2"))
"""The cases of a usual test. A test with small cases tries a multiple."""
