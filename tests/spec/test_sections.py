"""What sections say together: inheritance, environments, personas, profiles, the older format."""

import pytest

from decnet import catalog
from tests.spec.files import BRIDGE, codes, decoys, network, problems, warnings


def running(text: str, name: str = "w", **setting: object) -> list[str]:
    return [service.name for service in decoys(text, **setting)[name].services]


def persona(text: str, name: str, service: str, **setting: object) -> object:
    return next(one.persona for one in decoys(text, **setting)[name].services if one.name == service)


@pytest.mark.parametrize(
    ("text", "services"),
    [
        ("[w]\nservices = ssh\n", ["ssh"]),
        ("[w]\nservices = http; ssh\n", ["http", "ssh"]),
        ("[w]\nservices = SSH, http, ssh\n", ["ssh", "http"]),
        ("[w]\nservices =\n    redis\n    ssh\n", ["redis", "ssh"]),
        ("[DEFAULT]\nservices = redis\n[w]\n", ["redis"]),
        ("[DEFAULT]\nservices = redis\n[_a]\nservices = http\n[w : _a]\n", ["http"]),
        ("[_a]\nservices = http\n[_b]\nservices = ssh\n[w : _a : _b]\n", ["http"]),
        ("[_a]\n[_b]\nservices = ssh\n[w : _a : _b]\n", ["ssh"]),
        ("[_c]\nservices = redis\n[_a : _c]\n[_b]\nservices = ssh\n[w : _a : _b]\n", ["redis"]),
        ("[v]\nservices = http\n[w : v]\n", ["http"]),
        ("[w : web-server]\nservices = redis\n", ["redis"]),
    ],
)
def test_services_as_said_or_inherited(text: str, services: list[str]) -> None:
    assert running(text) == services


def test_an_archetype_as_parent_is_an_archetype() -> None:
    by_parent, by_key = decoys("[w : web-server]\n")["w"], decoys("[w]\narchetype = web-server\n")["w"]
    assert by_parent.archetype == by_key.archetype == "web-server"
    assert (by_parent.hostname, by_parent.distro) == (by_key.hostname, by_key.distro)
    assert [one.name for one in by_parent.services] == [one.name for one in by_key.services]


def test_an_archetype_reaches_through_a_section() -> None:
    found = decoys("[_x : printer]\n[w : _x]\n")["w"]
    assert (found.archetype, found.os.family, found.distro) == ("printer", "embedded", None)


@pytest.mark.parametrize(
    ("env", "services"),
    [("", "ssh"), ("prod", "http"), ("prod_eu", "redis"), ("prod-us", "http"), ("lab", "ssh")],
)
def test_environments(env: str, services: str) -> None:
    text = "[_p]\nservices[prod_eu] = redis\n[w : _p]\nservices = ssh\nservices[prod] = http\n"
    expected = "http" if env == "prod_eu" else services
    assert running(text, env=env) == [expected]
    assert running("[w]\nservices[prod_eu] = redis\n" + text.partition("[w : _p]\n")[2], env=env) == [
        services
    ]


def test_personas_are_inherited_key_by_key() -> None:
    text = (
        "[_base]\nservices = ssh\n[_base.ssh]\nusers = root:toor\nbanner = base\n"
        "[w : _base]\n[w.ssh]\nbanner = own\n[v : _base]\n"
    )
    own, other = persona(text, "w", "ssh"), persona(text, "v", "ssh")
    assert (own.banner, other.banner) == ("own", "base")  # type: ignore[attr-defined]
    assert [str(user) for user in own.users] == ["root:toor"]  # type: ignore[attr-defined]


def test_a_member_of_a_group_has_a_persona_of_its_own() -> None:
    text = "[w]\namount = 3\nservices = http\n[w.http]\nsite = All\n[w-02.http]\nsite = Two\n"
    assert [persona(text, f"w-0{n}", "http").site for n in (1, 2, 3)] == ["All", "Two", "All"]  # type: ignore[attr-defined]


def test_ports_stand_for_the_usual_ones() -> None:
    text = "[w]\nservices = http, https\n[w.http]\nport = 8080\n"
    ports = [[port.number for port in one.ports] for one in decoys(text)["w"].services]
    assert ports == [[8080], [443]]


def test_interpolation_reaches_the_decoy_of_a_persona() -> None:
    text = "[w]\nservices = http\nhostname = shop\n[w.http]\nsite = ${hostname} of ${general:seed}\n"
    assert persona(text, "w", "http").site == "shop of s"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("key", "family"),
    [
        ("nmap_os = windows", "windows"),
        ("nmap-os = Windows", "windows"),
        ("NMAP_OS = embedded", "embedded"),
        ("os = cisco", "cisco"),
        ("archetype = windows-server", "windows"),
    ],
)
def test_keys_of_the_older_format(key: str, family: str) -> None:
    assert decoys(f"[w]\nip = 198.51.100.7\nservices = http;https\n{key}\n")["w"].os.family == family


def test_a_file_of_the_older_format() -> None:
    built = network(
        "[general]\nnet=198.51.100.0/24\ngw=198.51.100.254\nlog_target=198.51.100.9:514\nmutate_interval=30\n"
        "[host-1]\nip=198.51.100.10\nservices=ssh,http\nnmap_os=linux\n[host-1.ssh]\nssh_version=OpenSSH_7.4\n"
        "[bulk]\namount=2\narchetype=linux-server\n"
        "[custom-thing]\nbinary=example/thing:1\nexec=/thing\nports=9000\n[odd]\nservices=thing, redis\n"
    )
    assert [decoy.name for decoy in built.decoys] == ["host-1", "bulk-01", "bulk-02", "odd"]
    assert [service.name for service in built.decoys[3].services] == ["redis"]
    (thing,) = built.decoys[3].customs
    assert (thing.name, thing.program.image, thing.program.command) == (
        "thing",
        "example/thing:1",
        ("/thing",),
    )
    (warning,) = built.warnings
    assert warning.message.startswith('"mutate_interval"')


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[w]\nservices = redis\nlimits = connections=5, memory=128M\n", 6),
        ("[w]\nservices = redis\n[sink-x]\ntype = syslog\ntarget = logs.example\nca = x.pem\n", 9),
        ("[w]\nservices = redis\n[sink-x]\nkeep = 3\n", 7),
        ("[w]\nservices = redis\n[w.http]\nsite = x\n", 6),
        ("[w]\namount = 2\nservices = redis\n[w-02.http]\nsite = x\n", 7),
        ("[custom-x]\nbinary = x\nports = 1\n[w]\nservices = redis\n[w.x]\nports = 2\n", 9),
    ],
)
def test_what_has_no_effect_is_said(text: str, line: int) -> None:
    assert [(code, at) for code, at, _ in warnings(text)] == [("no-effect", line)]


@pytest.mark.parametrize(
    "text",
    [
        "[w]\nservices = redis\negress = deny\nisolation = decoy\nlimits = connections=5, memory=128M\n[sink-x]\ntype = file\n",
        "[_x]\nservices = redis\n[_x.http]\nsite = x\n[w : _x]\n",
        "[DEFAULT]\nservices = redis\n[DEFAULT.http]\nsite = x\n[w]\n",
    ],
)
def test_what_has_its_effect_is_not(text: str) -> None:
    assert warnings(text) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[_x]\nservces = ssh\n[w]\nservices = redis\n", "unknown-key"),
        ("[_x]\namount = none of them\n[w]\nservices = redis\n", "bad-value"),
        ("[_x.http]\nstie = y\n[_x]\n[w]\nservices = redis\n", "unknown-persona-key"),
        ("[w]\nservices = redis\n[w.http]\nstie = y\n", "unknown-persona-key"),
        ("[w]\nservices = http\n[w.http]\nport = 70000\n", "bad-range"),
        ("[w]\namount = 2\nservices = http\n[w-03.http]\nsite = y\n", "orphan-persona"),
        ("[w]\nservices = http\n[w.htpp]\nsite = y\n", "unknown-section"),
        ("[w]\nservices = http, ssh\n[w.ssh]\nport = 80\n", "port-used-twice"),
        ("[w]\nservices = http\n[w.http]\nports = 80, 81\n", "too-many-ports"),
        ("[w]\nservices = http\n[custom-x]\nbinary = x\nports = 1\nprotocol = sctp\n", "unknown-choice"),
        ("[w]\nservices = http\n[sink-x]\ntype = fax\n", "unknown-choice"),
        ("[w]\nservices = http\n[lan-x]\nnte = 10.0.0.0/8\n", "unknown-key"),
        ("[w : _y]\nservices = http\n", "unknown-parent"),
        ("[w]\narchetype = web\n", "unknown-archetype"),
        ("[w]\nservices = http\ndistro = debain\n", "unknown-distro"),
        ("[w]\nservices = http\nos = linxu\n", "unknown-os"),
        ("[w]\nservices = http\nruntime = podman\n", "unknown-runtime"),
        (f"[w]\nservices = http\nuptime = {'9' * 300_000}\n", "too-large"),
    ],
)
def test_what_sections_cannot_say(text: str, code: str) -> None:
    assert codes(text) == [code]


def test_a_persona_of_a_member_is_no_decoy() -> None:
    assert "unknown-section" in codes("[w]\namount = 2\nservices = http\n[w-02.htpp]\nsite = y\n")


@pytest.mark.parametrize("head", ["[general]\ndriver = ipvlan\n", "[general]\nnet = 10.0.0.0/31\n"])
def test_a_lan_that_is_wrong_hides_no_other_error(head: str) -> None:
    found = codes("[w]\nservices = sssh, http\n[w.http]\nsit = x\n", head=head)
    assert found[1:] == ["unknown-service", "unknown-persona-key"]


def test_profiles_of_the_file() -> None:
    built = decoys(
        "[os-toaster]\nbase = embedded\ntitle = Toaster\naliases = bread-maker\n"
        "[distro-crumb]\nbase = debian\nversions.openssh = OpenSSH_9.9 Crumb\n"
        "[archetype-kitchen]\nbase = linux-server\nservices = ssh\nhostnames = kitchen{{ n }}\n"
        "distros = crumb\nssh.banner = hot\n"
        "[w : kitchen]\n[v]\nos = bread_maker\nservices = http\n"
    )
    cook = built["w"]
    assert (cook.archetype, cook.distro and cook.distro.name) == ("kitchen", "crumb")
    assert cook.distro is not None
    assert cook.distro.versions["openssh"] == "OpenSSH_9.9 Crumb"
    assert cook.hostname.startswith("kitchen")
    assert cook.services[0].persona.banner == "hot"
    assert (built["v"].os.name, built["v"].os.family) == ("toaster", "embedded")


@pytest.mark.parametrize(
    ("profile", "code", "line"),
    [
        ("[os-x]\nbase = nothing\n", "unknown-os", 5),
        ("[os-x]\nfamily = linux\n", "missing-key", 4),
        ("[os-x]\nbase = windows10\ntcp.wscale = 15\n", "bad-range", 6),
        ("[os-x]\nbase = windows10\ntcp.mss = ten\n", "bad-value", 6),
        ("[os-x]\nbase = windows10\nip.ttl_tcp = 0\n", "bad-range", 6),
        ("[os-x]\nbase = windows10\ntcp.opts_ws = M,N,W\n", "bad-value", 6),
        ("[os-x]\nbase = windows10\ntcp.win = 65536\n", "bad-value", 6),
        ("[os-x]\nbase = windows10\nisn.mean = 10\n", "bad-value", 6),
        ("[os-x]\nbase = windows10\nt2.flags = Q\n", "bad-value", 6),
        ("[os-x]\nbase = windows10\nt7.mode = as-syn\n", "bad-value", 6),
        ("[os-x]\nbase = windows10\nt8.mode = drop\n", "unknown-key", 6),
        ("[os-x]\nbase = windows10\nu1.ipl = 8\n", "bad-value", 6),
        ("[os-x]\nbase = windows10\nnet.ipv4.ip_default_ttl = 256\n", "bad-value", 6),
        ("[os-x]\nbase = windows10\nkernel.hostname = x\n", "unknown-key", 6),
        ("[distro-x]\nbase = debian\nkernle = 6\n", "unknown-key", 6),
        ("[archetype-x]\nbase = printer\nservices = htpp\n", "unknown-service", 6),
        ("[archetype-x : printer]\nbase = printer\n", "unknown-parent", 4),
        ("[archetype-x]\nbase = printer\nos = widnows\n", "unknown-os", 6),
    ],
)
def test_profiles_of_the_file_that_are_wrong(profile: str, code: str, line: int) -> None:
    found = [p for p in problems(f"{profile}[w]\nservices = http\n") if p.code == code]
    assert [p.span.line for p in found][:1] == [line]


@pytest.mark.parametrize("kind", ["os", "distro", "archetype"])
def test_whoever_names_a_profile_that_is_wrong_is_not_told_that_it_is_not_there(kind: str) -> None:
    base = {"os": "linux", "distro": "debian", "archetype": "printer"}[kind]
    assert codes(f"[{kind}-x]\nbase = {base}\nkernle = 6\n[w]\nservices = http\n{kind} = x\n") == [
        "unknown-key"
    ]


def test_a_windows_machine_has_no_linux_distribution() -> None:
    text = "[w]\nos = windows\ndistro = debian\nservices = http\n"
    assert [(code, line) for code, line, _ in warnings(text)] == [("persona-contradiction", 6)]
    assert decoys(text)["w"].distro is None


def test_everything_wrong_is_told_at_once_in_the_order_of_the_file() -> None:
    found = problems(
        "[a]\narchtype = x\nservices = http\n[b]\nservices = sssh\nip = 10.0.0.1\n[c : _x]\nservices = http\nos = y\n"
    )
    assert [(one.span.line, one.code) for one in found] == [
        (5, "unknown-key"),
        (8, "unknown-service"),
        (9, "address-outside-lan"),
        (10, "unknown-parent"),
        (12, "unknown-os"),
    ]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[w]\narchtype = x\nservices = http\n", 'did you mean "archetype"?'),
        ("[w]\nservices = htp\n", 'did you mean "http"?'),
        ("[w]\nservices = http\ndistro = debain\n", 'did you mean "debian"?'),
        ("[w]\nservices = http\nos = widnows\n", 'did you mean "windows"?'),
        ("[w]\nservices = http\nmac = del\n", 'did you mean "dell"?'),
        ("[w]\narchetype = web-sever\n", 'did you mean "web-server"?'),
        ("[_windows]\n[w : _windos]\nservices = http\n", 'did you mean "_windows"?'),
        ("[lan-dmz]\n[w]\nlan = dzm\nservices = http\n", 'did you mean "dmz"?'),
        ("[w]\nservices = http\n[w.http]\nsit = x\n", 'did you mean "site"?'),
    ],
)
def test_a_near_miss_has_a_hint(text: str, hint: str) -> None:
    (problem,) = problems(text)
    assert problem.hint == hint


def test_a_section_without_anything_draws_its_services() -> None:
    drawn = {tuple(running(f"[w{n}]\n", f"w{n}")) for n in range(40)}
    assert len(drawn) > 5
    assert all(1 <= len(services) <= 3 for services in drawn)


def test_what_is_randomized_is_drawn_from_what_is_said() -> None:
    text = "[w]\namount = 30\nservices = ssh, redis\nrandomize = services, distro, hostname\nhostname = x\ndistro = debian\n"
    built = decoys(text).values()
    assert {tuple(one.name for one in decoy.services) for decoy in built} == {
        ("ssh",),
        ("redis",),
        ("redis", "ssh"),
    }
    assert len({decoy.hostname for decoy in built}) == 30
    assert len({decoy.distro.name for decoy in built if decoy.distro}) > 3


@pytest.mark.parametrize("name", sorted(catalog.load().archetypes))
def test_every_archetype_makes_a_decoy(name: str) -> None:
    built = network(f"{BRIDGE}[w]\narchetype = {name}\n")
    assert built.warnings == ()
    assert built.decoys[0].known
