from tests.api.conftest import folder as folder  # noqa: PLC0414 (a fixture for every module here)
