"""The present ids of segments that had other ids in earlier runs."""

from collections import Counter
from collections.abc import Mapping, Sequence

from segbatch.model.manifest import PastRun


def present_ids(runs: Sequence[PastRun]) -> Sequence[Mapping[str, str]]:
    """Return for each run the segments that have another id now: the present id of each old one.

    No two segments of a run have the same present id. A deleted segment whose id another segment got by a rename is
    `ID~1`, the next one of that id `ID~2`; no definition can have such an id.

    Args:
        runs: The runs, oldest first. The ids of the last one are the present ones.
    """
    names, later = list[Mapping[str, str]](), dict[str, str]()
    reuses = Counter(reused for past in runs for reused in past.reused)
    for past in reversed(runs):
        names.append(later)
        if past.renamed:
            taken = set(past.renamed.values())
            renamed = {old: later.get(new, new) for old, new in past.renamed.items()}
            deleted = {reused: f"{reused}~{reuses[reused]}" for reused in past.reused}
            reuses.subtract(past.reused)
            later = {old: new for old, new in later.items() if old not in taken} | deleted | renamed
    return names[::-1]
