"""What makes a container one decoy and no other."""

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from decnet.decoy.protocol import ServiceBundle
from decnet.draw import Draw
from decnet.services import Facts, personas
from decnet.services.accounts import Credential
from decnet.services.keys import ed25519_key
from decnet.services.ssh import AuthMethod, Persona
from decnet.world.docker.crypt import hashed
from decnet.world.docker.furniture import furniture, is_ours, option

FOUND = {
    "/etc/passwd": b"root:x:0:0:root:/root:/bin/bash\nbackup:x:34:34:backup:/var/backups:/usr/sbin/nologin\n",
    "/etc/shadow": b"root:*:19000:0:99999:7:::\nbackup:*:19000:0:99999:7:::\n",
    "/etc/group": b"root:x:0:\nsudo:x:27:\nshadow:x:42:\n",
    "/etc/ssh/sshd_config": b"Include /etc/ssh/sshd_config.d/*.conf\n#PermitRootLogin prohibit-password\nUsePAM yes\n",
    "/etc/skel/.bashrc": b"# .bashrc\n",
    "/etc/pam.d/common-password": b"password [success=1 default=ignore] pam_unix.so obscure yescrypt\n",
}
USERS = (Credential("root", "toor"), Credential("anna", "secret1"), Credential("backup", "tape"))


def bundle(seed=bytes(32), **fields):
    persona = Persona(users=USERS, **fields)
    facts = Facts("gw-01", "corp.example", "198.51.100.20", "linux", "debian", "UTC", 1.7e9, 1.72e9)
    files = {"history": b"ls\n", "rootfs/opt/backup.sh": b"#!/bin/sh\n"}
    return ServiceBundle(
        "gw", "ssh", "ssh", ((22, "tcp", False),), personas.encode(persona), files, seed, facts
    )


def made(**fields):
    return {one.path: one for one in furniture(bundle(**fields), FOUND)}


@pytest.fixture(scope="module")
def plain():
    return made()


def test_people_get_in_with_their_passwords(plain):
    shadow = dict(line.split(":")[:2] for line in plain["/etc/shadow"].content.decode().splitlines())
    for user in USERS:
        setting = shadow[user.name]
        assert setting.startswith("$y$j9T$")
        script = "print crypt($ARGV[0], $ARGV[1]) eq $ARGV[1] ? 'same' : 'other'"
        done = subprocess.run(
            ["perl", "-e", script, user.password, setting], capture_output=True, text=True, check=True
        )
        assert done.stdout == "same"
    passwd = plain["/etc/passwd"].content.decode()
    assert "anna:x:1000:1000:,,,:/home/anna:/bin/bash" in passwd
    assert "backup:x:34:34:backup:/var/backups:/bin/bash" in passwd
    assert "sudo:x:27:anna" in plain["/etc/group"].content.decode()
    assert (plain["/etc/shadow"].mode, plain["/etc/shadow"].gid) == (0o640, 42)
    assert (plain["/home/anna/.bashrc"].uid, plain["/home/anna"].content) == (1000, None)


def test_host_keys_are_those_of_the_medium_server(plain):
    public = (
        ed25519_key(bytes(32), "ssh host").public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    )
    assert plain["/etc/ssh/ssh_host_ed25519_key.pub"].content == public + b" root@gw-01\n"
    assert plain["/etc/ssh/ssh_host_rsa_key"].mode == 0o600


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_a_real_sshd_takes_the_keys(plain, kind, tmp_path):
    path = tmp_path / "key"
    path.write_bytes(plain[f"/etc/ssh/ssh_host_{kind}_key"].content)
    path.chmod(0o600)
    done = subprocess.run(["ssh-keygen", "-y", "-f", path], capture_output=True, text=True, check=True)
    assert done.stdout.split()[:2] == plain[f"/etc/ssh/ssh_host_{kind}_key.pub"].content.decode().split()[:2]


def test_made_again_it_is_the_same_and_for_another_decoy_nothing_is(plain):
    assert made() == plain
    other = made(seed=b"\x01" * 32)
    same = {path for path, one in other.items() if one.content and one.content == plain[path].content}
    assert same <= {
        "/home/anna/.bashrc",
        "/root/.bash_history",
        "/opt/backup.sh",
        "/etc/passwd",
        "/etc/group",
        "/etc/ssh/sshd_config",
    }
    times = {path for path, one in other.items() if one.mtime == plain[path].mtime}
    assert not {"/etc/passwd", "/etc", "/root"} & times


def test_dates_are_between_the_installation_and_the_last_boot(plain):
    assert all(1.7e9 <= one.mtime <= 1.72e9 for one in plain.values())


def test_all_that_is_written_is_known_as_ours(plain):
    files = {path for path, one in plain.items() if one.content is not None}
    assert {path for path in files if not is_ours(path)} == set()
    assert not is_ours("/etc/cron.d/x")
    assert not is_ours("/root/.ssh/authorized_keys")


def test_the_server_is_set_as_the_persona_says():
    entries = made(banner="keep out", auth=(AuthMethod.PUBLICKEY,))
    config = entries["/etc/ssh/sshd_config"].content.decode()
    assert "\nPermitRootLogin yes\n" in config
    assert "Banner /etc/issue.net\n" in config
    assert "PasswordAuthentication no\n" in config
    assert entries["/etc/issue.net"].content == b"keep out\n"


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("Port 22\n", "Name yes\nPort 22\n"),
        ("#Name no\nName no\n", "#Name no\nName yes\n"),
        ("a\n#Name no\n", "a\nName yes\n"),
        ("#Names no\n", "Name yes\n#Names no\n"),
    ],
)
def test_an_option_is_set_where_it_counts(text, result):
    assert option(text, "Name", "yes") == result


@pytest.mark.parametrize("lacks", ["/etc/shadow", "/etc/ssh/sshd_config"])
def test_an_image_without_a_server_is_an_error(lacks):
    with pytest.raises(ValueError, match="it has no"):
        list(furniture(bundle(), {path: one for path, one in FOUND.items() if path != lacks}))


def test_a_salt_is_an_accounts_own():
    assert hashed("x", Draw(b"1", "a")) != hashed("x", Draw(b"1", "b"))
    assert hashed("x", Draw(b"1", "a")).startswith("$6$")


def test_threads_may_hash_at_once():
    words = [(f"word{number}", Draw(b"1", str(number))) for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda pair: hashed(*pair, "$y$j9T$"), words))
    assert len(set(found)) == len(words)
    assert all(len(one) == len(found[0]) for one in found)
