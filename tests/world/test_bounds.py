"""Cgroups as they are found and written, on folders that look like them."""

import pytest

from decnet.services.limits import Bounds
from decnet.world import bounds

LINE = "31 23 0:27 / {path} rw,nosuid shared:9 - {kind} cgroup {options}\n"


def v2(path, *controllers):
    path.mkdir()
    (path / "cgroup.controllers").write_text(" ".join(controllers))
    return LINE.format(path=path, kind="cgroup2", options="rw")


def v1(path, controllers):
    path.mkdir()
    return LINE.format(path=path, kind="cgroup", options=f"rw,{controllers}")


def test_controllers_are_found_where_they_are(tmp_path):
    info = (
        "22 1 0:5 / / rw - ext4 /dev/vda rw\n"
        + v1(tmp_path / "memory", "memory")
        + v1(tmp_path / "cpu,cpuacct", "cpu,cpuacct")
        + v2(tmp_path / "unified", "pids", "hugetlb")
        + LINE.format(path="/nowhere\\040at", kind="cgroup2", options="rw")
    )
    found = bounds.hierarchies(info)
    assert {name: (one.path.name, one.unified) for name, one in found.items()} == {
        "memory": ("memory", False),
        "cpu": ("cpu,cpuacct", False),
        "pids": ("unified", True),
    }


@pytest.mark.parametrize(
    ("controller", "asked", "unified", "files"),
    [
        ("memory", Bounds(memory=1 << 28), True, {"memory.max": "268435456"}),
        ("memory", Bounds(), True, {"memory.max": "max"}),
        ("memory", Bounds(memory=1 << 28), False, {"memory.limit_in_bytes": "268435456"}),
        ("cpu", Bounds(cpu=0.5), True, {"cpu.max": "50000 100000"}),
        ("cpu", Bounds(), True, {"cpu.max": "max 100000"}),
        ("cpu", Bounds(cpu=2), False, {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "200000"}),
        ("cpu", Bounds(), False, {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "-1"}),
        ("pids", Bounds(pids=16), False, {"pids.max": "16"}),
    ],
)
def test_values_are_those_of_the_kernel(controller, asked, unified, files):
    assert dict(bounds.values(controller, asked, unified=unified)) == files
