"""Debian's syslog servers as receivers: rsyslog and syslog-ng, on loopback, with a configuration and a folder of their own.

The two packages cannot be installed together. What is not installed is fetched as a package and unpacked beside it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.debian import unpacked

PACKAGES = {
    "rsyslogd": ("rsyslog", "rsyslog-openssl", "libestr0", "libfastjson4", "liblognorm5"),
    "syslog-ng": ("syslog-ng-core", "libivykis0", "libnet1"),
}
SD = "decnet@32473"


def program(name: str) -> tuple[str, dict[str, str], Path]:
    """A server's path, the environment it needs, and the root that its libraries are under. Skips without it."""
    installed = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if installed:
        return installed, {}, Path("/")
    root = unpacked(name, *PACKAGES[name])
    found = root / "usr/sbin" / name
    libraries = [*root.glob("usr/lib/*-linux-gnu"), root / "usr/lib/syslog-ng"]
    return str(found), {"LD_LIBRARY_PATH": ":".join(map(str, libraries))}, root


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@dataclass
class Receiver:
    """A server that listens over UDP, TCP and TLS, and writes what it has parsed as JSON lines."""

    folder: Path
    command: list[str]
    environment: dict[str, str]
    ports: dict[str, int]
    process: subprocess.Popen[bytes] | None = None
    _offset: int = field(default=0)

    def target(self, transport: str) -> tuple[str, int]:
        return "127.0.0.1", self.ports[transport]

    def start(self) -> None:
        with (self.folder / "server.log").open("ab") as told:
            self.process = subprocess.Popen(
                self.command,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
            )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            assert self.process.poll() is None, (self.folder / "server.log").read_text()
            with contextlib.suppress(OSError), socket.create_connection(self.target("tcp"), 1):
                return
            time.sleep(0.05)
        raise AssertionError((self.folder / "server.log").read_text())

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
            self.process = None
        if number == signal.SIGKILL and self.output.exists():  # a line it was killed in is no message
            os.truncate(self.output, self.output.read_bytes().rfind(b"\n") + 1)

    @property
    def output(self) -> Path:
        return self.folder / "out.jsonl"

    def messages(self) -> list[dict[str, Any]]:
        """All that has come so far, in order."""
        if not self.output.exists():
            return []
        lines = self.output.read_bytes().splitlines(keepends=True)
        return [self.fields(json.loads(line)) for line in lines if line.endswith(b"\n")]

    def wait(self, count: int, seconds: float = 20) -> list[dict[str, Any]]:
        deadline = time.monotonic() + seconds
        while len(found := self.messages()) < count:
            assert time.monotonic() < deadline, f"{len(found)} of {count} came"
            time.sleep(0.05)
        return found

    def fields(self, parsed: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError


class Rsyslog(Receiver):
    def fields(self, parsed: dict[str, Any]) -> dict[str, Any]:
        return {
            "facility": int(parsed["syslogfacility"]),
            "severity": int(parsed["syslogseverity"]),
            "ts": parsed["timereported"],
            "host": parsed["hostname"],
            "app": parsed["app-name"],
            "msgid": parsed["msgid"],
            "data": parsed["$!"].get("rfc5424-sd", {}).get(SD, {}),
            "text": parsed["msg"],
        }


class SyslogNg(Receiver):
    def fields(self, parsed: dict[str, Any]) -> dict[str, Any]:
        return {
            "facility": int(parsed["facility"]),
            "severity": int(parsed["severity"]),
            "ts": parsed["ts"],
            "host": parsed["host"],
            "app": parsed["app"],
            "msgid": parsed["msgid"],
            "data": parsed.get("_SDATA", {}).get(SD, {}),
            "text": parsed["text"],
        }


RSYSLOG = """
global(workDirectory="{folder}" maxMessageSize="64k" parser.escapeControlCharactersOnReceive="off"
       defaultNetstreamDriverCAFile="{certificates}/ca.pem" defaultNetstreamDriverCertFile="{certificates}/server.pem"
       defaultNetstreamDriverKeyFile="{certificates}/server.key")
main_queue(queue.workerThreads="1") # with its usual two, a full queue is written out of order
module(load="imudp")
module(load="imtcp")
module(load="imptcp")
module(load="mmpstrucdata")
template(name="json" type="list") {{ property(name="{kept}") constant(value="\\n") }}
ruleset(name="keep") {{
  action(type="mmpstrucdata" sd_name.lowercase="off")
  action(type="omfile" file="{folder}/out.jsonl" template="json" flushOnTXEnd="on" asyncWriting="off")
}}
input(type="imudp" address="127.0.0.1" port="{udp}" ruleset="keep" rcvbufSize="4m")
input(type="imptcp" address="127.0.0.1" port="{tcp}" ruleset="keep")
input(type="imtcp" address="127.0.0.1" port="{tls}" ruleset="keep" streamDriver.name="ossl" streamDriver.mode="1"
      streamDriver.authMode="x509/name" permittedPeer=["shipper.example"])
"""
SYSLOG_NG = """@version: 3.38
options {{ stats-freq(0); keep-hostname(yes); use-dns(no); chain-hostnames(no); create-dirs(no); flush-lines(1);
           log-msg-size(65536); ts-format(iso); frac-digits(6); time-zone("UTC"); }};
source net {{
  syslog(ip("127.0.0.1") transport("udp") port({udp}) so-rcvbuf(4194304));
  syslog(ip("127.0.0.1") transport("tcp") port({tcp}) log-iw-size(10000));
  syslog(ip("127.0.0.1") transport("tls") port({tls}) log-iw-size(10000)
         tls(key-file("{certificates}/server.key") cert-file("{certificates}/server.pem")
             ca-file("{certificates}/ca.pem") peer-verify(required-trusted)));
}};
destination out {{
  file("{folder}/out.jsonl" template("$(format-json facility=$FACILITY_NUM severity=$LEVEL_NUM ts=$ISODATE host=$HOST
app=$PROGRAM msgid=$MSGID text=$MSG --key .SDATA.*)\\n"));
}};
log {{ source(net); destination(out); }};
"""


def rsyslog(folder: Path, certificates: Path, kept: str = "jsonmesg") -> Rsyslog:
    """``kept`` is the property that a line of its output has: all of a message, if nothing else is said."""
    path, environment, root = program("rsyslogd")
    ports = {name: free_port() for name in ("udp", "tcp", "tls")}
    (folder / "rsyslog.conf").write_text(
        RSYSLOG.format(folder=folder, certificates=certificates, kept=kept, **ports)
    )
    modules = next(root.glob("usr/lib/*-linux-gnu/rsyslog"))
    command = [path, "-n", "-f", f"{folder}/rsyslog.conf", "-i", f"{folder}/pid", "-M", str(modules)]
    return Rsyslog(folder, command, environment, ports)


def syslog_ng(folder: Path, certificates: Path) -> SyslogNg:
    path, environment, root = program("syslog-ng")
    ports = {name: free_port() for name in ("udp", "tcp", "tls")}
    text = SYSLOG_NG.format(folder=folder, certificates=certificates, **ports)
    (folder / "syslog-ng.conf").write_text(text.replace("host=$HOST\napp", "host=$HOST app"))
    command = [path, "-F", "--no-caps", "-f", f"{folder}/syslog-ng.conf", "-R", f"{folder}/persist"]
    command += ["-p", f"{folder}/pid", "-c", f"{folder}/ctl"]
    command.append(f"--module-path={next(root.glob('usr/lib/syslog-ng/3*'))}")
    return SyslogNg(folder, command, environment, ports)


@contextlib.contextmanager
def running(receiver: Receiver) -> Iterator[Receiver]:
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()
