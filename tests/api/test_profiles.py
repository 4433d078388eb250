"""A profile of each request, in a folder that is the server's alone."""

import json
import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from decnet.api import profiles
from decnet.errors import UsageError
from tests.api.process import SECONDS, api, until

USER = 65_520 if os.geteuid() == 0 else os.geteuid()


def names_in(profile):
    document = json.loads(profile.read_text())
    assert document["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    return {frame["name"] for frame in document["shared"]["frames"]}


def test_each_request_has_one_with_its_question_to_the_store(folder, tmp_path):
    where = tmp_path / "profiles"
    asked = ("events?limit=1000", "stats", "attackers/198.51.100.1", "histogram?width=60")
    with api(folder, env={"DECNET_PROFILE_REQUESTS": str(where)}) as running, ThreadPoolExecutor(8) as pool:

        def ask(path):
            return httpx.get(
                f"{running.url}/api/v1/{path}", headers=running.headers, timeout=SECONDS
            ).status_code

        assert set(pool.map(ask, asked * 2)) == {200}
        assert httpx.get(f"{running.url}/api/v1/../secret-{running.secret}").status_code == 401
        until(lambda: len(list(where.iterdir())) == 9)
    made = sorted(where.iterdir())
    name = r"\d{8}T\d{6}-\d{6}-((events|stats|attackers-ip|histogram)-200|(none|pages)-401)-\d+ms\.speedscope\.json"
    assert [one.name for one in made if not re.fullmatch(name, one.name)] == []
    for path in (where, *made):
        about = path.stat()
        assert (stat.S_IMODE(about.st_mode), about.st_uid) == (0o700 if path is where else 0o600, USER)
    events = [names_in(one) for one in made if "-events-" in one.name]
    # The work is in the profile of one who asked, down to the store; the other waited, or had it from memory.
    assert any("Repository.events" in names or "events" in names for names in events)
    assert running.secret not in "".join(one.read_text() for one in made)


def test_only_the_newest_are_kept_and_those_of_a_run_before_count(tmp_path, monkeypatch):
    monkeypatch.setattr(profiles, "MOST", 3)
    where = tmp_path / "profiles"
    where.mkdir(mode=0o700)
    for number in range(5):
        (where / f"20250101T000000-{number:06}-x{profiles.SUFFIX}").touch(0o600)
    (where / "mine.txt").touch()
    kept = profiles.Profiles(where, os.geteuid())
    for number in range(2):
        profiler = profiles.Profiler()
        with profiler:
            sum(range(1000))
        kept._write(f"stats-20{number}", profiler)
    assert [one.name[0:2] + one.name[22:-len(profiles.SUFFIX)] for one in sorted(where.iterdir())] == [
        "20-x", "20-stats-200", "20-stats-201", "mi",
    ]  # fmt: skip


def test_a_folder_that_cannot_be_written_costs_no_answer(folder, tmp_path):
    where = tmp_path / "profiles"
    with api(folder, env={"DECNET_PROFILE_REQUESTS": str(where)}) as running:
        where.rmdir()
        for _ in range(3):
            assert httpx.get(f"{running.url}/api/v1/health").status_code == 200
    assert sum("profiles cannot be written" in line for line in running.said) == 1


@pytest.mark.parametrize("kind", ["open", "link", "file", "other", "nowhere"])
def test_a_folder_that_is_not_its_own_is_refused(tmp_path, kind):
    where = tmp_path / "profiles"
    match kind:
        case "open":
            where.mkdir()
            where.chmod(0o755)
        case "link":
            (tmp_path / "real").mkdir(mode=0o700)
            where.symlink_to(tmp_path / "real")
        case "file":
            where.touch()
        case "other":
            if os.geteuid() != 0:
                pytest.skip("only root can give a folder to somebody")
            where.mkdir(mode=0o700)  # root's, where somebody else will serve
        case "nowhere":
            where = tmp_path / "no" / "profiles"
    before = where.stat() if where.exists() else None
    with pytest.raises(UsageError, match="the folder of profiles") as refused:
        profiles.Profiles(where, USER)
    assert refused.value.hint == "name one that is not there yet"
    assert (where.stat() if where.exists() else None) == before
