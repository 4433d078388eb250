"""redis on a decoy, through redis-cli."""

from .conftest import run


async def test_first(serve):
    r = await serve("redis", {"redis_version": "7.0.15"})
    for cmd in (["PING"], ["SET", "a", "b"], ["GET", "a"], ["INFO"], ["CONFIG", "GET", "dir"]):
        got = await run("redis-cli", "-p", str(r.port), *cmd)
        print(got.stdout.decode(), got.stderr.decode())
    print(r.events)
