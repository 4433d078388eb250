"""How profiles are found, laid over each other and checked; what a wrong one says and where."""

import textwrap
from pathlib import Path

import pytest

from decnet.catalog import from_section, keys, load
from decnet.errors import InvalidInput, Span
from decnet.ini import Text
from decnet.ini import load as read_ini


def write(root, path, text):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(textwrap.dedent(text).lstrip())
    return file


def problems(look_up):
    with pytest.raises(InvalidInput) as caught:
        look_up()
    return [(Path(p.span.file).name, p.span.line, p.code, p.hint) for p in caught.value.problems]


def test_the_last_overlay_wins(tmp_path):
    for root in ("a", "b"):
        write(tmp_path / root, "vendors/acme.ini", f"[vendor]\ntitle = {root}\nprefixes = 00:14:22\n")
    catalog = load([tmp_path / "a", tmp_path / "b"])
    assert catalog.vendors["acme"].title == "b"


def test_an_overlay_replaces_an_installed_profile(tmp_path):
    write(tmp_path, "vendors/dell.ini", "[vendor]\ntitle = Other\nprefixes = 00-14-22, f8:bc:12\n")
    assert load([tmp_path]).vendors["dell"].prefixes == ("00:14:22", "F8:BC:12")
    assert len(load([tmp_path]).vendors) == len(load().vendors)


def test_an_overlay_may_build_on_the_profile_it_replaces(tmp_path):
    write(
        tmp_path,
        "distros/debian.ini",
        """
        [distro]
        base = debian
        kernel = 6.1.0-40-amd64
        [versions]
        nginx = nginx/1.22.9
        """,
    )
    installed, overlaid = load().distros["debian"], load([tmp_path]).distros["debian"]
    assert (overlaid.kernel, overlaid.versions["nginx"]) == ("6.1.0-40-amd64", "nginx/1.22.9")
    assert overlaid.title == installed.title
    assert overlaid.versions["redis"] == installed.versions["redis"]
    assert tuple(overlaid.os_release) == tuple(installed.os_release)


def test_a_base_gives_personas_key_by_key(tmp_path):
    write(
        tmp_path,
        "archetypes/ward-printer.ini",
        """
        [archetype]
        base = printer
        vendors = brother
        [http]
        site = ward
        """,
    )
    archetype = load([tmp_path]).archetypes["ward-printer"]
    assert archetype.personas["http"] == {"fake_app": "printer", "site": "ward"}
    assert archetype.vendors == ("brother",)
    assert archetype.services == ("http", "https", "telnet")


def test_a_folder_that_is_not_there_has_no_profiles(tmp_path):
    write(tmp_path, "file", "")
    for overlay in (tmp_path / "missing", tmp_path / "file"):
        assert set(load([overlay]).distros) == set(load().distros)


def test_names_are_known_without_reading_a_file(tmp_path):
    write(tmp_path, "os/broken.ini", "[os\n")
    catalog = load([tmp_path])
    assert "broken" in catalog.oses
    assert catalog.oses["linux"].family == "linux"
    assert "nothing" not in catalog.oses
    with pytest.raises(KeyError):
        catalog.oses["nothing"]


WRONG = {
    "an unknown key": (
        "os",
        "[os]\ntitle = T\nfamly = linux\n",
        [(3, "unknown-key", 'did you mean "family"?')],
    ),
    "a value that is no choice": ("os", "[os]\ntitle = T\nfamily = amiga\n", [(3, "unknown-choice", None)]),
    "a key that is missing": (
        "vendors",
        "[vendor]\ntitle = T\n",
        [(1, "missing-key", "give it, or name a profile to take it from: base = NAME")],
    ),
    "a multicast prefix": ("vendors", "[vendor]\ntitle = T\nprefixes = 01:00:5E\n", [(3, "bad-value", None)]),
    "half a prefix": ("vendors", "[vendor]\ntitle = T\nprefixes = 00:50\n", [(3, "bad-value", None)]),
    "no section of its kind": (
        "vendors",
        "[dell]\ntitle = T\n",
        [(1, "unknown-section", ""), (0, "missing-section", "a file in vendors/ begins with [vendor]")],
    ),
    "a section beside it": (
        "distros",
        "[distro]\nbase = debian\n[version]\nssh = 1\n",
        [(3, "unknown-section", 'did you mean "versions"?')],
    ),
    "a sysctl of the whole machine": (
        "os",
        "[os]\nbase = linux\n[sysctls]\nkernel.core_pattern = x\n",
        [(4, "unknown-key", "a sysctl of a network namespace, such as net.ipv4.ip_default_ttl")],
    ),
    "a sysctl that climbs": (
        "os",
        "[os]\nbase = linux\n[sysctls]\nnet.ipv4/../../kernel.core_pattern = x\n",
        [(4, "unknown-key", "a sysctl of a network namespace, such as net.ipv4.ip_default_ttl")],
    ),
    "a distro that does not exist": (
        "archetypes",
        "[archetype]\nbase = web-server\ndistros = debian, ubuntu23\n",
        [(3, "unknown-distro", 'did you mean "ubuntu24"?')],
    ),
    "a vendor that does not exist": (
        "os",
        "[os]\nbase = linux\nvendors = del\n",
        [(3, "unknown-vendor", 'did you mean "dell"?')],
    ),
    "a base that does not exist": (
        "os",
        "[os]\nbase = linus\n",
        [(2, "unknown-os", 'did you mean "linux"?')],
    ),
    "a base that is itself": ("os", "[os]\nbase = wrong\n", [(0, "profile-cycle", "")]),
    "a day that is none": (
        "distros",
        "[distro]\nbase = debian\nreleased = 2023-02-30\n",
        [(3, "bad-value", None)],
    ),
    "a parent": (
        "os",
        "[os : linux]\ntitle = T\n",
        [(1, "unknown-parent", "name another profile with the key: base = NAME")],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_profile_says_where(case, tmp_path):
    folder, text, expected = WRONG[case]
    write(tmp_path, f"{folder}/wrong.ini", text)
    catalog = load([tmp_path])
    kinds = {
        "os": catalog.oses,
        "vendors": catalog.vendors,
        "distros": catalog.distros,
        "archetypes": catalog.archetypes,
    }
    found = problems(lambda: kinds[folder]["wrong"])
    assert [(line, code) for _, line, code, _ in found] == [(line, code) for line, code, _ in expected]
    assert {file for file, *_ in found} == {"wrong.ini"}
    for (*_, hint), (*_, wanted) in zip(found, expected, strict=True):
        assert wanted is None or hint == wanted


def test_profiles_based_on_each_other_are_an_error(tmp_path):
    write(tmp_path, "os/a.ini", "[os]\nbase = b\n")
    write(tmp_path, "os/b.ini", "[os]\nbase = a\n")
    assert [code for *_, code, _ in problems(lambda: load([tmp_path]).oses["a"])] == ["profile-cycle"]


def test_a_profile_that_is_binary_is_an_error(tmp_path):
    (tmp_path / "os").mkdir()
    (tmp_path / "os" / "junk.ini").write_bytes(bytes(range(256)))
    assert problems(lambda: load([tmp_path]).oses["junk"])


def given(tmp_path, text):
    """The keys of the one section of a network file, as the caller of `from_section` has them."""
    document = read_ini(write(tmp_path, "network.ini", text))
    (section,) = document.sections.values()
    return {option.key: option.text for option in section.options}, section.span


def test_a_section_of_a_network_file_is_a_distro(tmp_path):
    keys, where = given(
        tmp_path,
        """
        [distro-hardened]
        base = debian
        title = Hardened Debian
        versions.openssh = OpenSSH_9.2p1
        os-release.PRETTY_NAME = "Hardened Debian"
        """,
    )
    distro = from_section("distro", "hardened", keys, where, load())
    assert (distro.name, distro.title, distro.family) == ("hardened", "Hardened Debian", "debian")
    assert distro.versions["openssh"] == "OpenSSH_9.2p1"
    assert distro.os_release["PRETTY_NAME"] == '"Hardened Debian"'


def test_a_section_of_a_network_file_is_an_os(tmp_path):
    keys, where = given(
        tmp_path,
        """
        [os-plc]
        title = PLC
        family = embedded
        vendors = siemens
        net.ipv4.ip_default_ttl = 30
        """,
    )
    plc = from_section("os", "plc", keys, where, load())
    assert (plc.settings, plc.vendors) == ({"net.ipv4.ip_default_ttl": "30"}, ("siemens",))
    assert plc.personality.ip.ttl_tcp == 30


def test_a_section_of_a_network_file_is_an_archetype(tmp_path):
    keys, where = given(
        tmp_path,
        """
        [archetype-kiosk]
        title = Kiosk
        services = http
        os = windows-server-2019
        hostnames = kiosk{{ n2 }}
        http.fake_app = iis
        """,
    )
    kiosk = from_section("archetype", "kiosk", keys, where, load())
    assert (kiosk.services, kiosk.os) == (("http",), "windows-server-2019")
    assert kiosk.personas == {"http": {"fake_app": "iis"}}


def test_a_wrong_section_gives_every_problem_at_once():
    where = Span("network.ini", 1)
    keys = {"famly": Text("linux", Span("network.ini", 2)), "vendors": Text("nobody", Span("network.ini", 3))}
    assert [
        (line, code) for _, line, code, _ in problems(lambda: from_section("os", "x", keys, where, load()))
    ] == [
        (2, "unknown-key"),
        (3, "unknown-vendor"),
    ]


@pytest.mark.parametrize(
    "name",
    ["debian", "debian:12", "kalilinux/kali-rolling", "a.example:5000/b/c_d:1.2-x", f"a@sha256:{'0' * 64}"],
)
def test_an_image_is_named_as_the_docker_command_takes_it(name):
    assert keys.Reference.parse(name) == name


@pytest.mark.parametrize(
    "name", ["", "Debian", "debian:", "debian 12", "a//b", "a:b:c", "debian:12\nRUN x", "-a"]
)
def test_what_is_no_name_of_an_image_is_refused(name):
    with pytest.raises(ValueError, match="the name of an image such as debian:12"):
        keys.Reference.parse(name)


PERSONALITIES = {
    "an option that is none": ("[tcp]\nopts_ws = M,N,Q\n", 4, "bad-value"),
    "options without what both sides agreed to": ("[tcp]\nopts_ws = M,N,W\n", 4, "bad-value"),
    "options for what it is told not to do": (
        "[tcp]\ntimestamps = no\nsyn_opts = M,S,T,N,W\n",
        5,
        "bad-value",
    ),
    "a SYN without what it is told to do": ("[tcp]\nsyn_opts = M,S,T\n", 4, "bad-value"),
    "an unknown key": ("[tcp]\nopts_wss = M\n", 4, "unknown-key"),
    "an unknown section": ("[t8]\nmode = drop\n", 3, "unknown-section"),
    "a window that is none": ("[tcp]\nwin = round-mss 5\n", 4, "bad-value"),
    "flags that are none": ("[t2]\nflags = AX\n", 4, "bad-value"),
    "a scale beyond RFC 7323": ("[tcp]\nwscale = 15\n", 4, "bad-range"),
    "a mode that is none": ("[t2]\nmode = maybe\n", 4, "unknown-choice"),
    "options behind the end of the list": ("[tcp]\nopts_s = M,E,S\n", 4, "bad-value"),
    "a window that nobody can fill": ("[tcp]\nwin = 0\n", 4, "bad-value"),
    "a window without room for a segment": ("[tcp]\nwin_none = floor-mss 1000\n", 4, "bad-value"),
    "own SYNs that announce nothing": ("[tcp]\nsyn_window = 0\n", 4, "bad-value"),
    "a clock of stamps that are not sent": (
        "[tcp]\ntimestamps = no\nsyn_opts = M,N,N,S,N,W\nts_hz = 100\n",
        6,
        "bad-value",
    ),
    "sequence numbers of the kernel's": ("[isn]\nmode = kernel\nmean = 5\n", 5, "bad-value"),
    "sequence numbers that go back": ("[isn]\nmode = sequence\nmean = 900\ndev = 801\n", 6, "bad-value"),
    "steps smaller than what they are multiples of": (
        "[isn]\nmode = sequence\nmean = 900\ndev = 0\ngcd = 901\n",
        7,
        "bad-value",
    ),
    "a closed port that opens": ("[t5]\nmode = as-syn\n", 4, "bad-value"),
    "flags of no answer": ("[t3]\nmode = drop\nflags = A\n", 5, "bad-value"),
    "a window of the kernel's own answer": ("[t4]\nmode = kernel\nwin = 9\n", 5, "bad-value"),
    "an error without what it answers": ("[u1]\nipl = 55\n", 4, "bad-value"),
    "a TTL that is none": ("[sysctls]\nnet.ipv4.ip_default_ttl = 300\n", 4, "bad-value"),
    "a sysctl without a value": ("[sysctls]\nnet.ipv4.icmp_ratemask =\n", 4, "bad-value"),
    "a TTL of 0": ("[sysctls]\nnet.ipv4.ip_default_ttl = 0\n", 4, "bad-value"),
    "a switch that is none": ("[sysctls]\nnet.ipv4.tcp_sack = maybe\n", 4, "bad-value"),
    "two TTLs": ("[ip]\nttl_tcp = 128\n[sysctls]\nnet.ipv4.ip_default_ttl = 64\n", 6, "bad-value"),
    "a sysctl against a key": (
        "[tcp]\ntimestamps = yes\n[sysctls]\nnet.ipv4.tcp_timestamps = 0\n",
        6,
        "bad-value",
    ),
}


@pytest.mark.parametrize("case", PERSONALITIES)
def test_a_wrong_personality_says_where(case, tmp_path):
    text, line, code = PERSONALITIES[case]
    write(tmp_path, "os/wrong.ini", f"[os]\nbase = linux\n{text}")
    found = problems(lambda: load([tmp_path]).oses["wrong"])
    assert [(where, said) for _, where, said, _ in found] == [(line, code)]


def test_a_sysctl_says_it_for_the_packets_too(tmp_path):
    keys, where = given(
        tmp_path,
        "[os-x]\nbase = openbsd\nnet.ipv4.tcp_sack = 0\nnet.ipv4.tcp_window_scaling = 0\nnet.ipv4.tcp_ecn = 0\n"
        "tcp.syn_opts = M,N,N,T\n",
    )
    made = from_section("os", "x", keys, where, load()).personality.tcp
    assert (made.sack, made.wscale, made.ecn) == (False, None, False)


def test_a_key_wins_over_a_sysctl_of_the_base(tmp_path):
    write(tmp_path, "os/old.ini", "[os]\nbase = linux\n[sysctls]\nnet.ipv4.ip_default_ttl = 63\n")
    write(tmp_path, "os/new.ini", "[os]\nbase = old\n[ip]\nttl_tcp = 100\n")
    oses = load([tmp_path]).oses
    assert oses["old"].sysctls["net.ipv4.ip_default_ttl"] == "63"
    assert oses["new"].sysctls["net.ipv4.ip_default_ttl"] == "100"
    assert oses["new"].personality.ip.ttl_tcp == 100


def test_a_section_of_a_network_file_changes_a_single_key_of_a_personality(tmp_path):
    keys, where = given(tmp_path, "[os-odd]\nbase = windows10\ntcp.wscale = 9\nt2.mode = drop\n")
    odd = from_section("os", "odd", keys, where, load())
    windows = load().oses["windows10"]
    assert (odd.personality.tcp.wscale, odd.personality.t2.mode) == (9, "drop")
    assert odd.personality.tcp.opts_ws == windows.personality.tcp.opts_ws
    assert odd.sysctls["net.ipv4.tcp_rmem"] == f"4096 131072 {65535 << 9}"
    assert odd.aliases == ()


def test_a_system_may_do_time_stamps_and_offer_none(tmp_path):
    write(tmp_path, "os/shy.ini", "[os]\nbase = linux\n[tcp]\nsyn_opts = M,N,N,S,N,W\n")
    assert load([tmp_path]).oses["shy"].personality.tcp.syn_opts == "M,N,N,S,N,W"
