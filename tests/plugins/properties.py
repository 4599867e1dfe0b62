"""Hypothesis profiles: the number of examples as written, fewer before a commit, more at night.

`HYPOTHESIS_PROFILE` is `default`, `fast` or `nightly`.
"""

import os

from hypothesis import settings

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "default")
FAST, NIGHTLY = 10, 300

# no deadline: how long an example takes depends on what else the machine does
settings.register_profile("default", deadline=None)
settings.register_profile("fast", deadline=None, max_examples=FAST)
settings.register_profile("nightly", deadline=None, max_examples=NIGHTLY)
settings.load_profile(PROFILE)


def examples(usual: int) -> int:
    """The number for a property that has its own, as `max_examples=examples(40)`."""
    if PROFILE == "fast":
        return min(usual, FAST)
    return max(usual, NIGHTLY) if PROFILE == "nightly" else usual
