"""Images of distros, built, found and thrown away by a real engine that has no network."""

import dataclasses
import io
import re
import threading
import time

import pytest

from decnet.catalog import load
from decnet.errors import WorldError
from decnet.render import Templates
from decnet.render.images import recipe
from decnet.world.docker import images
from tests.docker.images import busybox, derived, ids, layers, shown

pytestmark = pytest.mark.docker

CATALOG = load()
DEBIAN = CATALOG.distros["debian"]
TELL = re.compile(rb"decnet|decky|honeypot|/tmp/\.root", re.IGNORECASE)
SMALL = 1024 * 1024


PLAIN = recipe(DEBIAN, Templates())


def test_an_image_is_built_and_told(here):
    told = []
    image = images.build(here, PLAIN, told.append)
    assert (image.tag, image.distro, image.base) == (PLAIN.tag, "debian", "debian:12")
    assert image.id == here.client.images.get(PLAIN.tag).id
    assert image.size > 50 * 1000 * 1000
    assert abs(image.created.timestamp() - time.time()) < 60
    assert [step.done for step in told] == list(range(1, told[-1].total + 1))
    assert told[0].text == "FROM debian:12"
    assert images.find(here, (PLAIN.tag, "decnet/debian:000000000000")) == {PLAIN.tag: image}
    assert images.every(here) == (image,)
    assert images.users(here) == {}


def test_one_that_is_there_is_not_built_again(here):
    first = images.build(here, PLAIN)
    told = []
    assert images.build(here, PLAIN, told.append) == first
    assert told == []
    again = images.build(here, PLAIN, told.append, force=True)
    assert told
    assert again.tag == first.tag


def test_a_changed_template_is_another_image(here, overlay):
    first = images.build(here, PLAIN)
    changed = recipe(DEBIAN, overlay("root/all/etc/motd", "Maintenance on Sunday\n"))
    second = images.build(here, changed)
    assert second.id != first.id
    assert images.every(here) == (second, first)
    with shown(here.client, second.id) as files:
        assert files.extractfile("etc/motd").read() == b"Maintenance on Sunday\n"


def contents(client, name):
    """Path → content of every file that a search can be bothered with."""
    with shown(client, name) as files:
        return {
            entry.name: files.extractfile(entry).read() if entry.isfile() and entry.size < SMALL else b""
            for entry in files
        }


def whole_second():
    """Wait for the next: an archive has whole seconds."""
    time.sleep(1 - time.time() % 1)
    return int(time.time())


def of_the_build(client, name, begun):
    """What has a date of the build: not marks that a file is gone, nor /etc, where Docker makes files at every start."""
    found = {entry.name.rstrip("/") for _, entry, _ in layers(client, name) if entry.mtime >= begun} - {"etc"}
    return {path for path in found if ".wh." not in path and path.partition("/")[0] != "tmp"}


def test_the_file_system_is_that_of_the_distro_and_shows_no_more(here, engine):
    begun = whole_second()
    images.build(here, PLAIN)
    derived(engine, "base:1", {"etc/none": "with a command, so that it can be looked at\n"})
    base, made = contents(engine, "base:1"), contents(engine, PLAIN.tag)
    # Debian's own files name DEC's protocol; nothing that is not Debian's does
    assert not {path for path, content in made.items() if TELL.search(content)} - {
        path for path, content in base.items() if TELL.search(content)
    }
    assert not [path for path in made if re.search(r"decnet|\.root|(^|/)s?bin/python|docker(?!env$)", path)]
    assert not set(made) - set(base)
    release = made["etc/os-release"] or made["usr/lib/os-release"]
    assert release.decode().splitlines() == [f"{key}={value}" for key, value in DEBIAN.os_release.items()]
    ours = [entry for number, entry, _ in layers(engine, PLAIN.tag) if number]
    assert ours
    assert not [entry.name for entry in ours if entry.name.rpartition("/")[2].endswith(".dockerenv")]
    assert of_the_build(engine, PLAIN.tag, begun) == set()


TRACES = {
    "debian": {
        "etc/apt/apt.conf.d/docker-clean": "x",
        "etc/apt/apt.conf.d/docker-gzip-indexes": "x",
        "etc/dpkg/dpkg.cfg.d/docker-apt-speedup": "force-unsafe-io\n",
        "usr/sbin/policy-rc.d": b"#!/bin/sh\nexit 101\n",
        "run/systemd/container": "docker\n",
    },
    "ubuntu24": {
        "etc/dpkg/dpkg.cfg.d/excludes": "path-exclude=/usr/share/man/*\n",
        "usr/bin/unminimize": b"#!/bin/sh\n",
        "etc/update-motd.d/60-unminimize": b"#!/bin/sh\n",
    },
    "rocky9": {
        "root/anaconda-ks.cfg": "x",
        "etc/rpm/macros.image-language-conf": "x",
    },
    "arch": {},
}
EDITED = {
    "debian": {
        "etc/apt/sources.list.d/debian.sources": ("# a snapshot\nTypes: deb\n", "Types: deb\n"),
        "etc/machine-id": ("0123456789abcdef0123456789abcdef\n", ""),
        "var/lib/dbus/machine-id": ("0123456789abcdef0123456789abcdef\n", ""),
    },
    "ubuntu24": {
        "etc/issue": ("Ubuntu 24.04.9 LTS \\n \\l\n", "Ubuntu 24.04.1 LTS \\n \\l\n"),
        "etc/lsb-release": (
            'DISTRIB_RELEASE=24.04\nDISTRIB_DESCRIPTION="Ubuntu 24.04.9 LTS"\n',
            'DISTRIB_RELEASE=24.04\nDISTRIB_DESCRIPTION="Ubuntu 24.04.1 LTS"\n',
        ),
    },
    "rocky9": {
        "etc/dnf/dnf.conf": ("[main]\ntsflags=nodocs\nbest=True\n", "[main]\nbest=True\n"),
        "etc/dnf/vars/infra": ("container\n", "stock\n"),
        "etc/rocky-release": (
            "Rocky Linux release 9.8 (Blue Onyx)\n",
            "Rocky Linux release 9.5 (Blue Onyx)\n",
        ),
    },
    "arch": {"etc/pacman.conf": ("NoExtract = usr/share/man/*\nColor\n", "Color\n")},
}


@pytest.mark.parametrize("name", sorted(TRACES))
def test_what_shows_a_container_image_is_gone(here, engine, name):
    distro = dataclasses.replace(CATALOG.distros[name], image="traces:1")
    derived(engine, "traces:1", {**TRACES[name], **{path: was for path, (was, _) in EDITED[name].items()}})
    made, begun = recipe(distro, Templates()), whole_second()
    images.build(here, made)
    assert of_the_build(engine, made.tag, begun) == set()
    with shown(engine, made.tag) as files:
        assert not set(TRACES[name]) & set(files.getnames())
        for path, (_, now) in EDITED[name].items():
            entry = files.getmember(path)
            assert (files.extractfile(entry).read().decode(), entry.mtime) == (now, 1_700_000_000), path


def test_a_system_of_busybox_is_enough(here, engine):
    busybox(engine, "alpine:3.21")
    made = recipe(CATALOG.distros["alpine"], Templates())
    images.build(here, made)
    with shown(engine, made.tag) as files:
        assert files.extractfile("etc/os-release").read().startswith(b'NAME="Alpine Linux"\n')
        assert files.extractfile("etc/alpine-release").read() == b"3.21.3\n"


def test_a_base_image_that_is_missing_is_named_with_how_to_get_it(here):
    made = [recipe(CATALOG.distros[name], Templates()) for name in ("alpine", "debian", "rocky9")]
    with pytest.raises(WorldError, match=r"the base image alpine:3\.21 is not here") as caught:
        images.build(here, made[0])
    assert "docker pull alpine:3.21" in caught.value.hint
    assert "offline: decnet image load ARCHIVE" in caught.value.hint
    with pytest.raises(WorldError, match=r"images alpine:3\.21, rockylinux:9 are not here"):
        images.check_bases(here, made)


def test_a_step_that_fails_says_what_it_said_and_leaves_nothing(here, engine, overlay):
    before = ids(engine)
    script = r"printf 'one\n\033[31mtwo\033[0m\n'; exit 7"
    made = recipe(DEBIAN, overlay("image/Dockerfile.j2", f"FROM debian:12\nRUN touch /a\nRUN {script}\n"))
    with pytest.raises(WorldError) as caught:
        images.build(here, made)
    assert re.fullmatch(
        r"the image of debian cannot be built: step 4 of 4, RUN printf .*…: exit code 7\n    one\n    two",
        caught.value.message,
    )
    assert ids(engine) == before
    assert engine.containers.list(all=True) == []


def test_a_build_that_is_interrupted_leaves_nothing(here, engine, overlay):
    before = ids(engine)
    text = "FROM debian:12\nRUN touch /a\nRUN sleep 600\n"
    made = recipe(DEBIAN, overlay("image/Dockerfile.j2", text))

    def interrupt(step):
        if step.text == "RUN sleep 600":
            raise KeyboardInterrupt

    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        images.build(here, made, interrupt)
    assert time.monotonic() - begun < 30
    assert ids(engine) == before
    assert engine.containers.list(all=True) == []


def test_no_step_reaches_a_network(here, overlay):
    text = "FROM debian:12\nCMD true\nRUN ls /sys/class/net > /nets\n"
    made = recipe(DEBIAN, overlay("image/Dockerfile.j2", text))
    images.build(here, made)
    with shown(here.client, made.tag) as files:
        assert files.extractfile("nets").read() == b"lo\n"


def test_a_full_disk_is_explained(here, overlay):
    text = 'FROM debian:12\nRUN echo "no space left on device" >&2; exit 1\n'
    with pytest.raises(WorldError) as caught:
        images.build(here, recipe(DEBIAN, overlay("image/Dockerfile.j2", text)))
    assert "disk is full" in caught.value.hint


def test_an_image_of_somebody_else_keeps_its_name(here, engine):
    engine.images.get("debian:12").tag(*PLAIN.tag.split(":"))
    with pytest.raises(WorldError, match="that decnet did not build"):
        images.build(here, PLAIN)
    assert images.every(here) == ()
    engine.images.remove(PLAIN.tag)


def test_two_builds_at_a_time_make_one_image(here):
    made = []
    threads = [threading.Thread(target=lambda: made.append(images.build(here, PLAIN))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {image.tag for image in made} == {PLAIN.tag}


def test_variables_of_a_base_can_be_taken_from_a_container(here, engine):
    container = engine.containers.create("debian:12", ["true"])
    container.commit("traces", "2", conf={"Env": ["PATH=/bin:/usr/bin", "container=oci", "FGC=f41"]})
    made = recipe(dataclasses.replace(DEBIAN, image="traces:2"), Templates())
    images.build(here, made)
    names = images.environment(here, made.tag)
    assert names == ("container", "FGC")
    told = engine.containers.run(
        made.tag, ["env"], environment=list(names), network_mode="none", hostname="web01"
    )
    assert sorted(line.partition(b"=")[0] for line in told.splitlines()) == [b"HOME", b"HOSTNAME", b"PATH"]


def test_an_image_that_was_never_built_is_missed_with_words():
    error = images.missing(PLAIN.tag, "debian:12", "debian")
    assert (error.exit_code, error.message) == (
        1,
        f"there is no image {PLAIN.tag} of distro debian, made from debian:12",
    )
    assert "decnet image build FILE" in error.hint
    assert "decnet image load ARCHIVE" in error.hint


def test_prune_takes_what_nothing_needs(here, engine, overlay):
    pinned = images.build(here, recipe(DEBIAN, overlay("root/all/a", "1")))
    named = images.build(here, recipe(DEBIAN, overlay("root/all/a", "2")))
    used = images.build(here, recipe(DEBIAN, overlay("root/all/a", "3")))
    free = images.build(here, recipe(DEBIAN, overlay("root/all/a", "4")))
    engine.containers.create(used.tag)
    assert images.users(here) == {used.id: 1}
    keep = {pinned.id, named.tag}
    assert images.unused(here, keep) == (free,)
    assert images.prune(here, keep) == (free,)
    assert set(images.every(here)) == {pinned, named, used}
    assert images.prune(here, keep) == ()


def test_prune_leaves_what_is_not_ours(here, engine):
    engine.images.build(fileobj=io.BytesIO(b"FROM debian:12\nRUN touch /theirs\n"), network_mode="none")
    image = images.build(here, PLAIN)
    container = engine.containers.create(image.tag, ["true"])
    container.commit("shop", "1")
    container.remove()
    before = {tag for one in engine.images.list() for tag in one.tags}
    images.prune(here, ())
    assert before - {tag for one in engine.images.list() for tag in one.tags} <= {PLAIN.tag}
    assert engine.images.get("shop:1")
    theirs = engine.images.list(filters={"dangling": True})
    assert len(theirs) == 1
    engine.images.remove(theirs[0].id)
    engine.images.remove("shop:1")
