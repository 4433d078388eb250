"""Real mail servers of Debian's packages on loopback: private configuration, queue and accounts; root."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.debian import unpacked

MAIN = """\
compatibility_level = 3.6
smtpd_banner = $myhostname ESMTP $mail_name (Debian/GNU)
myhostname = mx01.example.com
mydestination = $myhostname, example.com, localhost
mynetworks = 192.0.2.1/32
queue_directory = {base}/queue
data_directory = {base}/data
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_peername_lookup = no
smtpd_tls_cert_file = {base}/cert.pem
smtpd_tls_key_file = {base}/key.pem
smtpd_tls_security_level = may
smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated reject_unauth_destination
local_recipient_maps = inline:{{{{anna=x}},{{root=x}},{{postmaster=x}}}}
alias_maps =
alias_database =
local_transport = discard:
default_transport = discard:
maillog_file = {base}/mail.log
maillog_file_prefixes = /tmp
smtpd_sasl_path = smtpd
cyrus_sasl_config_path = {base}/etc/sasl
smtpd_sasl_local_domain = example.com
"""
SUBMISSION = """\
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_reject_unlisted_recipient=no
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
"""
MASTER = """\
127.0.0.1:{0} inet n - n - - smtpd
127.0.0.1:{1} inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_tls_auth_only=yes
{submission}127.0.0.1:{2} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
{submission}cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
discard unix - - n - - discard
error unix - - n - - error
retry unix - - n - - error
postlog unix-dgram n - n - 1 postlogd
"""


@contextlib.contextmanager
def postfix() -> Iterator[tuple[int, int, int]]:
    """A Postfix with the three services of a submission server: ports for 25, 587 and 465."""
    base = Path(tempfile.mkdtemp(prefix="mta", dir="/tmp"))
    base.chmod(0o755)
    ports = free(), free(), free()
    _tree(base)
    _certificate(base)
    (base / "etc/main.cf").write_text(MAIN.format(base=base))
    (base / "etc/master.cf").write_text(MASTER.format(*ports, submission=SUBMISSION))
    (base / "etc/sasl/smtpd.conf").write_text(
        f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN\nsasldb_path: {base}/sasldb2\n"
    )
    command = ["saslpasswd2", "-p", "-c", "-f", str(base / "sasldb2"), "-u", "example.com", "anna"]
    subprocess.run(command, input=b"Secret1", check=True)
    shutil.chown(base / "sasldb2", "postfix")
    daemon = subprocess.Popen(
        ["/usr/lib/postfix/sbin/master", "-c", str(base / "etc"), "-d"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(ports[0])
        yield ports
    finally:
        daemon.terminate()
        daemon.wait(10)
        shutil.rmtree(base, ignore_errors=True)


def _tree(base: Path) -> None:
    for name in ("etc/sasl", "queue/pid", "data"):
        (base / name).mkdir(parents=True)
    shutil.chown(base / "data", "postfix", "postfix")
    for name in "active bounce corrupt defer deferred flush hold incoming private saved trace".split():  # noqa: SIM905
        folder = base / "queue" / name
        folder.mkdir(mode=0o700)
        shutil.chown(folder, "postfix")
    for name, mode in (("maildrop", 0o730), ("public", 0o710)):
        folder = base / "queue" / name
        folder.mkdir()
        folder.chmod(mode)
        shutil.chown(folder, "postfix", "postdrop")


EXIM = """\
exim_user = mail
exim_group = mail
spool_directory = {base}/spool
log_file_path = {base}/log/%slog
pid_file_path = {base}/exim.pid
primary_hostname = mx01.example.com
domainlist local_domains = mx01.example.com : example.com : localhost
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
host_lookup =
rfc1413_query_timeout = 0s
acl_smtp_mail = accept
acl_smtp_rcpt = check_rcpt
acl_smtp_data = check_data
tls_advertise_hosts = *
tls_certificate = {base}/cert.pem
tls_privatekey = {base}/key.pem
auth_advertise_hosts = ${{if def:tls_in_cipher {{*}}{{}}}}
queue_only
keep_environment =
prdr_enable = true
begin acl
check_rcpt:
  deny domains = +local_domains
    local_parts = ^[.] : ^.*[@%!/|`#&?]
    message = restricted characters in address
  deny domains = !+local_domains
    local_parts = ^[./|] : ^.*[@%!`#&?] : ^.*/\\\\.\\\\./
    message = restricted characters in address
  accept local_parts = postmaster
    domains = +local_domains
  accept authenticated = *
  require message = relay not permitted
    domains = +local_domains
  require verify = recipient
  accept
check_data:
  deny condition = ${{if > {{$max_received_linelength}}{{998}}}}
    message = maximum allowed line length is 998 octets, got $max_received_linelength
  accept
begin routers
people:
  driver = accept
  domains = +local_domains
  local_parts = anna : root : postmaster
  transport = none
begin transports
none:
  driver = appendfile
  file = /dev/null
  user = mail
begin authenticators
plain_server:
  driver = plaintext
  public_name = PLAIN
  server_condition = ${{if and{{{{eq{{$auth2}}{{anna}}}}{{eq{{$auth3}}{{Secret1}}}}}}}}
  server_prompts = :
login_server:
  driver = plaintext
  public_name = LOGIN
  server_prompts = "Username:: : Password::"
  server_condition = ${{if and{{{{eq{{$auth1}}{{anna}}}}{{eq{{$auth2}}{{Secret1}}}}}}}}
"""


@contextlib.contextmanager
def exim() -> Iterator[int]:
    """An Exim from its unpacked package (it cannot be installed beside Postfix), under an account it knows."""
    base = Path(tempfile.mkdtemp(prefix="mta", dir="/tmp"))
    base.chmod(0o755)
    port = free()
    for name in ("spool", "log"):
        (base / name).mkdir()
        shutil.chown(base / name, "mail", "mail")
    _certificate(base)
    (base / "key.pem").chmod(0o644)
    (base / "exim.conf").write_text(EXIM.format(base=base, port=port))
    for name, line in (("passwd", "Debian-exim:x:8:8::/:/usr/sbin/nologin"), ("group", "Debian-exim:x:8:")):
        (base / name).write_text(Path("/etc", name).read_text() + line + "\n")
    package = unpacked(
        *("exim", "exim4-daemon-light", "libgnutls-dane0", "libunbound8", "libevent-2.1-7", "libidn12")
    )
    libraries = {**os.environ, "LD_LIBRARY_PATH": str(next(package.glob("usr/lib/*-linux-gnu")))}
    script = 'mount --bind "$0/passwd" /etc/passwd && mount --bind "$0/group" /etc/group && exec "$1" -C "$0/exim.conf" -bdf'
    daemon = subprocess.Popen(
        ["unshare", "-m", "sh", "-c", script, str(base), str(package / "usr/sbin/exim4")],
        env=libraries,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(port)
        yield port
    finally:
        daemon.terminate()
        daemon.wait(10)
        shutil.rmtree(base, ignore_errors=True)


def _certificate(base: Path) -> None:
    names = [
        "-keyout",
        str(base / "key.pem"),
        "-out",
        str(base / "cert.pem"),
        "-subj",
        "/CN=mx01.example.com",
    ]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", *names]
    subprocess.run(command, check=True, capture_output=True)


def free() -> int:
    """A port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _wait(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as client:
            client.settimeout(10)
            if client.recv(3) == b"220":
                return
        time.sleep(0.05)
    raise TimeoutError(f"no mail server on port {port}")
