"""What all tests share: how many examples a property test tries."""

import os

from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "segbatch",
    max_examples=int(os.environ.get("SEGBATCH_EXAMPLES", "25")),
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
settings.register_profile("explore", settings.get_profile("segbatch"), phases=[Phase.generate])
settings.load_profile(os.environ.get("SEGBATCH_PROFILE", "segbatch"))
