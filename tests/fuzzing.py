"""How long property tests of marker fuzz search: ``DECNET_FUZZ`` times as many examples (1)."""

import os

TIMES = int(os.environ.get("DECNET_FUZZ", "1"))


def examples(usual: int) -> int:
    """``max_examples`` of a test that takes ``usual`` by default, some ten to thirty seconds."""
    return usual * TIMES
