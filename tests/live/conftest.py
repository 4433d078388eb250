from tests.live.lab import lab as lab  # noqa: PLC0414 (a fixture for every module here)
