"""Recipes of images: one for every distro, the same everywhere, another one only for another content."""

import dataclasses
import json
import re
import subprocess
import sys

import pytest

from decnet.catalog import load
from decnet.errors import InvalidInput, UsageError
from decnet.render import Templates
from decnet.render.images import PLAIN, recipe, wanted
from tests.spec.files import network

CATALOG = load()
DEBIAN = CATALOG.distros["debian"]
TELL = re.compile(rb"decnet|decky|decoy|honeypot|python", re.IGNORECASE)


@pytest.fixture
def overlay(tmp_path):
    def write(name, text):
        path = tmp_path / "templates" / "docker" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return Templates([tmp_path / "templates"])

    return write


def script(made):
    """What the shell is given."""
    joined = made.files["Dockerfile"].decode().replace("\\\n", "")
    (line,) = re.findall(r"^RUN (.*)$", joined, re.MULTILINE)
    return line


@pytest.mark.parametrize("name", sorted(CATALOG.distros))
def test_every_distro_has_one(name):
    distro = CATALOG.distros[name]
    made = recipe(distro, Templates())
    assert (made.distro, made.base) == (name, distro.image)
    assert made.files["Dockerfile"].startswith(f"FROM {distro.image}\n".encode())
    assert re.fullmatch(rf"decnet/{name}:[0-9a-f]{{12}}", made.tag)
    release = made.files["root/etc/os-release"].decode()
    assert release.splitlines() == [f"{key}={value}" for key, value in distro.os_release.items()]
    assert "put /etc/os-release" in script(made)


@pytest.mark.parametrize("name", sorted(CATALOG.distros))
def test_none_gives_the_project_away(name):
    for path, content in recipe(CATALOG.distros[name], Templates()).files.items():
        assert not TELL.search(path.encode() + content), path


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh"])
@pytest.mark.parametrize("family", ["debian", "rhel", "alpine", "arch", "suse"])
def test_every_family_says_what_a_shell_understands(family, shell):
    made = recipe(dataclasses.replace(DEBIAN, family=family), Templates())
    done = subprocess.run(
        [*shell.split(), "-n"], input=script(made), text=True, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_tag_is_the_same_in_another_process():
    program = (
        "from decnet.catalog import load; from decnet.render import Templates; from decnet.render.images import recipe;"
        "import json; print(json.dumps([recipe(d, Templates()).tag for d in load().distros.values()]))"
    )
    for seed in ("1", "2"):
        out = subprocess.check_output([sys.executable, "-c", program], env={"PYTHONHASHSEED": seed})
        assert json.loads(out) == [recipe(one, Templates()).tag for one in CATALOG.distros.values()]


@pytest.mark.parametrize(
    "change",
    [
        {"image": "debian:12.9"},
        {"family": "alpine"},
        {"os_release": {**DEBIAN.os_release, "VERSION_ID": '"12.9"'}},
        {"released": "2023-06-11"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_profile_is_another_image(change):
    assert recipe(dataclasses.replace(DEBIAN, **change), Templates()).tag != recipe(DEBIAN, Templates()).tag


def test_what_the_image_does_not_show_changes_nothing():
    changed = dataclasses.replace(
        DEBIAN, versions={**DEBIAN.versions, "openssh": "OpenSSH_9.9"}, kernel="6.2", hostname="x{{ n }}"
    )
    assert recipe(changed, Templates()) == recipe(DEBIAN, Templates())


def test_a_changed_template_is_another_image(overlay):
    before = recipe(DEBIAN, Templates()).tag
    assert recipe(DEBIAN, overlay("family/rhel.j2", "true; \\\n")).tag == before
    assert recipe(DEBIAN, overlay("family/debian.j2", "true; \\\n")).tag != before


def test_files_of_ones_own_come_into_the_image(overlay):
    overlay("root/all/etc/motd.j2", "{{ distro.title }}\n")
    overlay("root/family/debian/srv/it's here", "all of them\n")
    templates = overlay("root/distro/debian/srv/it's here", "this one\n")
    made = recipe(DEBIAN, templates)
    assert made.files["root/etc/motd"] == b"Debian GNU/Linux 12 (bookworm)\n"
    assert made.files["root/srv/it's here"] == b"this one\n"
    assert "put '/srv/it'\"'\"'s here'; " in script(made)
    other = recipe(CATALOG.distros["debian11"], templates)
    assert other.files["root/srv/it's here"] == b"all of them\n"


def test_a_distro_may_have_a_dockerfile_of_its_own(overlay):
    templates = overlay("distro/debian/Dockerfile.j2", "FROM {{ distro.image }}\n")
    assert recipe(DEBIAN, templates).files["Dockerfile"] == b"FROM debian:12\n"
    assert recipe(CATALOG.distros["debian11"], templates).files["Dockerfile"] != b"FROM debian:11\n"


def test_a_mistake_in_a_template_has_its_place(overlay):
    templates = overlay("family/debian.j2", "true; \\\n{{ nobody }}\n")
    with pytest.raises(InvalidInput, match="nobody") as caught:
        recipe(DEBIAN, templates)
    (problem,) = caught.value.problems
    assert problem.span.file.endswith("docker/family/debian.j2")
    assert (problem.span.line, str(problem.related[0])) == (2, "distro debian")


def test_a_file_name_that_no_dockerfile_can_say_is_refused(overlay):
    with pytest.raises(InvalidInput, match="a name that no Dockerfile can say"):
        recipe(DEBIAN, overlay("root/all/two\nlines", "x"))


def test_a_distro_without_a_base_image_says_so():
    with pytest.raises(UsageError, match='"debian" names no container image') as caught:
        recipe(dataclasses.replace(DEBIAN, image=""), Templates())
    assert "image = debian:12" in caught.value.hint


@pytest.mark.parametrize("name", ["My_Own..Distro", "ÄÖ", "a__b--c"])
def test_a_name_that_the_engine_would_not_take_is_made_one(name):
    tag = recipe(dataclasses.replace(DEBIAN, name=name), Templates()).tag
    assert re.fullmatch(r"decnet/[a-z0-9]+(-[a-z0-9]+)*:[0-9a-f]{12}", tag)


def test_a_network_wants_those_of_the_decoys_that_a_container_may_carry():
    built = network(
        """
[general]
seed = s
[distro-mine]
base = alpine
image = alpine:3.20
[web]
services = ssh
distro = debian11
[own]
services = ssh
distro = mine
[desk]
services = http
os = windows
[alone]
services = ssh
distro = rocky9
runtime = netns
"""
    )
    found = wanted(built, CATALOG.distros[PLAIN])
    assert list(found) == ["debian", "debian11", "mine"]
    assert found["mine"].image == "alpine:3.20"
