"""Events a second from the log to rsyslog over TCP, with the same bytes written to a bare socket as the floor.

DECNET_BENCH_EVENTS (default 100,000) says how many. The full figure of the issue: the log is full before the sink begins.
"""

import os
import re
import socket
import threading
import time
from pathlib import Path

import pytest

from decnet.events.file import encode
from decnet.events.syslog import Form, message
from tests.events import certificates
from tests.events.receivers import rsyslog, running
from tests.events.shipping import HOSTNAMES, Log, event, syslog

pytestmark = pytest.mark.bench
EVENTS = int(os.environ.get("DECNET_BENCH_EVENTS", "100000"))


def cpu_seconds(pid: int) -> float:
    """What a process has used so far (proc_pid_stat(5), utime and stime)."""
    words = Path(f"/proc/{pid}/stat").read_text().split()
    return sum(map(int, words[13:15])) / os.sysconf("SC_CLK_TCK")


def floor(data: bytes, port: int) -> float:
    """Seconds that a bare socket takes to hand these bytes to the same server."""
    begun = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as one:
        one.sendall(data)
        one.shutdown(socket.SHUT_WR)
        one.settimeout(60)
        one.recv(1)
    return time.perf_counter() - begun


def sunk(data: bytes) -> float:
    """Seconds that a bare socket takes to hand them to a server that throws them away."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def swallow() -> None:
            one, _ = server.accept()
            with one:
                while one.recv(1 << 18):
                    pass

        thread = threading.Thread(target=swallow)
        thread.start()
        taken = floor(data, server.getsockname()[1])
        thread.join()
        return taken


def test_a_full_log_to_rsyslog_over_tcp(tmp_path, capsys):
    log = Log(tmp_path)
    (tmp_path / "server").mkdir()
    pem = certificates.write(tmp_path / "pem")
    with running(rsyslog(tmp_path / "server", pem)) as server:
        try:
            events = [event(number, command="cat /etc/passwd") for number in range(EVENTS)]
            with (log.events / "events.jsonl").open("wb") as file:
                file.writelines(map(encode, events))
            log.hand_over()
            setting = syslog(*server.target("tcp"))
            form = Form(setting.facility, setting.sd_id, setting.max_size, HOSTNAMES)
            framed = [message(one, form) for one in events]
            data = b"".join(b"%d %b" % (len(one), one) for one in framed)
            nothing, bare = sunk(data), floor(data, server.ports["tcp"])
            begun = time.perf_counter()
            log.ship("siem", setting)
            pid = log.pid()
            log.until(lambda: log.status("siem").sent >= EVENTS, 120)
            taken = time.perf_counter() - begun
            spent, status = cpu_seconds(pid), Path(f"/proc/{pid}/status").read_text()
            server.wait(2 * EVENTS, 60)
        finally:
            log.close()
    memory = int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024
    with capsys.disabled():
        print(f"\n{EVENTS} events, {len(data) / EVENTS:.0f} bytes each")
        print(
            f"shipper to rsyslog      {EVENTS / taken:>9,.0f} events/s   {spent / EVENTS * 1e6:.0f} µs of CPU each"
        )
        print(f"bare socket to rsyslog  {EVENTS / bare:>9,.0f} events/s")
        print(f"bare socket to nobody   {EVENTS / nothing:>9,.0f} events/s")
        print(f"memory of the shipper   {memory:>9.1f} MB")


def test_an_idle_shipper(tmp_path, capsys):
    """CPU of a shipper with four sinks that have nothing to send."""
    log = Log(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        try:
            for number in range(4):
                log.ship(f"siem-{number}", syslog("127.0.0.1", server.getsockname()[1]))
            log.write(event())
            time.sleep(4)
            pid = log.pid()
            before = cpu_seconds(pid)
            time.sleep(10)
            share = (cpu_seconds(pid) - before) / 10
        finally:
            log.close()
    with capsys.disabled():
        print(f"\nidle with four sinks: {share:.2%} of a CPU")
