import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module", ["decnet.world", "decnet.world.linux", "decnet.world.observe", "decnet.world.host"]
)
def test_looking_does_not_load_pyroute2(module):
    script = f"import {module}, sys; print('pyroute2' in sys.modules, 'asyncio' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "False"
