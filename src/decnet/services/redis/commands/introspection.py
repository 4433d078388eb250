"""What the server tells of itself: COMMAND, ACL, SLOWLOG, LATENCY, MEMORY, CLUSTER, and HELP of each."""

from __future__ import annotations

from typing import Any

from decnet.services.redis.call import Call, number, option
from decnet.services.redis.info import memory, used_memory
from decnet.services.redis.pattern import glob
from decnet.services.redis.reply import OK, Raw, Refused, Status, Verbatim
from decnet.services.redis.table import HELP, Spec, command, encoded, find, table


def _spec(call: Call, name: bytes) -> Spec | None:
    commands = table(call.state.version)
    head, _, tail = name.lower().decode("latin-1").partition("|")
    spec = commands.get(head)
    return spec.subcommands.get(tail) if spec and tail else spec


@command("command")
def command_(call: Call) -> Any:
    return Raw(encoded(call.state.version, "info", resp3=call.client.out.resp3))


@command("command|info")
def command_info(call: Call) -> Any:
    if len(call.args) == 2:
        return command_(call)
    found = [_spec(call, name) for name in call.args[2:]]
    return [None if spec is None else spec.info for spec in found]


@command("command|docs")
def command_docs(call: Call) -> Any:
    if len(call.args) == 2:
        return Raw(encoded(call.state.version, "docs", resp3=call.client.out.resp3))
    found = [_spec(call, name) for name in call.args[2:]]
    return {spec.name.encode(): spec.docs for spec in found if spec is not None}


@command("command|count")
def command_count(call: Call) -> Any:
    return len(table(call.state.version))


@command("command|list")
def command_list(call: Call) -> Any:
    commands = table(call.state.version).values()
    if len(call.args) == 2:
        return [spec.name.encode() for spec in commands]
    if len(call.args) != 5 or option(call.args[2]) != "FILTERBY":
        raise Refused("ERR syntax error")
    kind, wanted = option(call.args[3]), call.args[4]
    if kind == "PATTERN":
        match = glob(wanted, fold=True).fullmatch
        return [spec.name.encode() for spec in commands if match(spec.name.encode())]
    if kind == "ACLCAT":
        category = "@" + wanted.lower().decode("latin-1")
        return [spec.name.encode() for spec in commands if category in spec.categories]
    if kind == "MODULE":
        return []
    raise Refused("ERR syntax error")


@command("command|getkeys")
def command_getkeys(call: Call) -> Any:
    words = call.args[2:]
    try:
        spec = find(table(call.state.version), words)
    except Refused as refusal:
        what = "number of arguments" if refusal.reply.startswith(b"ERR wrong number") else ""
        raise Refused(
            f"ERR Invalid {what or 'command'} specified" + (" for command" if what else "")
        ) from None
    keys = spec.keys(words)
    if not keys:
        raise Refused("ERR The command has no key arguments")
    return keys


@command("acl|cat")
def acl_cat(call: Call) -> Any:
    commands = list(table(call.state.version).values())
    if len(call.args) == 2:
        return list(_CATEGORIES)
    category = call.args[2].lower()
    if category not in _CATEGORIES:
        raise Refused(b"ERR Unknown category '%b'" % call.args[2][:128])
    wanted = "@" + category.decode()
    every = [one for spec in commands for one in (spec, *spec.subcommands.values())]
    return [one.name.encode() for one in every if wanted in one.categories]


_CATEGORIES = (
    b"keyspace read write set sortedset list hash string bitmap hyperloglog geo stream pubsub admin fast slow blocking "
    b"dangerous connection transaction scripting"
).split()


@command("acl|genpass")
def genpass(call: Call) -> Any:
    bits = number(call.args[2]) if len(call.args) > 2 else 256
    if not 1 <= bits <= 4096:
        raise Refused(
            "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096"
        )
    digits = (bits + 3) // 4
    return f"{call.state.random.getrandbits(digits * 4):0{digits}x}".encode()


@command("acl|log")
def acl_log(call: Call) -> Any:
    if len(call.args) > 2 and option(call.args[2]) == "RESET":
        return OK
    return []


@command("acl|save", "acl|load")
def acl_file(call: Call) -> Any:  # noqa: ARG001
    raise Refused(
        "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER "
        "command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store "
        "users in the Redis configuration."
    )


@command("slowlog|get")
def slowlog_get(call: Call) -> Any:
    problem = "ERR count should be greater than or equal to -1"
    count = number(call.args[2], problem) if len(call.args) > 2 else 10
    if count < -1:
        raise Refused(problem)
    entries = list(call.state.slowlog)[::-1]
    return entries if count == -1 else entries[:count]


@command("slowlog|len")
def slowlog_len(call: Call) -> Any:
    return len(call.state.slowlog)


@command("slowlog|reset")
def slowlog_reset(call: Call) -> Any:
    call.state.slowlog.clear()
    return OK


@command("latency|latest", "latency|history")
def latency(call: Call) -> Any:  # noqa: ARG001
    return []


@command("latency|reset")
def latency_reset(call: Call) -> Any:  # noqa: ARG001
    return 0


@command("latency|doctor")
def latency_doctor(call: Call) -> Any:  # noqa: ARG001
    return Verbatim(
        b"I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis instance. You may use "
        b'"CONFIG SET latency-monitor-threshold <milliseconds>." in order to enable it. If we weren\'t in a deep space '
        b"mission I'd suggest to take a look at https://redis.io/topics/latency-monitor.\n"
    )


@command("memory|doctor")
def memory_doctor(call: Call) -> Any:
    if used_memory(call.state) < 5 * 1024**2:
        return Verbatim(
            b"Hi Sam, this instance is empty or is using very little memory, my issue detector can't be used in these "
            b"conditions. Please, leave for your mission on Earth and fill it with some data. The new Sam and I will be "
            b"back to our programming as soon as I finished rebooting.\n"
        )
    return Verbatim(
        b"Hi Sam, I can't find any memory issue in your instance. I can only account for what occurs on this base.\n"
    )


@command("memory|stats")
def memory_stats(call: Call) -> Any:
    state = call.state
    told = memory(state)
    keys = sum(len(db.values) for db in state.dataset.databases)
    fields: dict[bytes, Any] = {
        b"peak.allocated": state.peak,
        b"total.allocated": int(told["used_memory"]),
        b"startup.allocated": int(told["used_memory_startup"]),
        b"replication.backlog": 0,
        b"clients.slaves": 0,
        b"clients.normal": int(told["mem_clients_normal"]),
        b"cluster.links": 0,
        b"aof.buffer": 0,
        b"lua.caches": int(told["used_memory_scripts_eval"]),
        b"functions.caches": 200,
    }
    for db in state.dataset.databases:
        if db.values:
            fields[b"db.%d" % db.number] = {
                b"overhead.hashtable.main": 72 * len(db.values),
                b"overhead.hashtable.expires": 40 * len(db.expires),
                b"overhead.hashtable.slot-to-keys": 0,
            }
    net = int(told["used_memory"]) - int(told["used_memory_startup"])
    return fields | {
        b"overhead.total": int(told["used_memory_overhead"]),
        b"keys.count": keys,
        b"keys.bytes-per-key": net // keys if keys else 0,
        b"dataset.bytes": int(told["used_memory_dataset"]),
        b"dataset.percentage": float(told["used_memory_dataset_perc"].rstrip("%")),
        b"peak.percentage": float(told["used_memory_peak_perc"].rstrip("%")),
        b"allocator.allocated": int(told["allocator_allocated"]),
        b"allocator.active": int(told["allocator_active"]),
        b"allocator.resident": int(told["allocator_resident"]),
        b"allocator-fragmentation.ratio": int(told["allocator_active"]) / int(told["allocator_allocated"]),
        b"allocator-fragmentation.bytes": int(told["allocator_frag_bytes"]),
        b"allocator-rss.ratio": int(told["allocator_resident"]) / int(told["allocator_active"]),
        b"allocator-rss.bytes": int(told["allocator_rss_bytes"]),
        b"rss-overhead.ratio": int(told["used_memory_rss"]) / int(told["allocator_resident"]),
        b"rss-overhead.bytes": int(told["rss_overhead_bytes"]),
        b"fragmentation": int(told["used_memory_rss"]) / int(told["used_memory"]),
        b"fragmentation.bytes": int(told["mem_fragmentation_bytes"]),
    }


@command("memory|purge")
def memory_purge(call: Call) -> Any:  # noqa: ARG001
    return OK


_CLUSTER = (
    "addslots", "addslotsrange", "bumpepoch", "count-failure-reports", "countkeysinslot", "delslots", "delslotsrange",
    "failover", "flushslots", "forget", "getkeysinslot", "help", "info", "keyslot", "links", "meet", "myid", "nodes",
    "replicas", "replicate", "reset", "saveconfig", "set-config-epoch", "setslot", "shards", "slaves", "slots",
)  # fmt: skip


@command(*(f"cluster|{name}" for name in _CLUSTER))
def cluster(call: Call) -> Any:  # noqa: ARG001
    raise Refused("ERR This instance has cluster support disabled")


@command("readonly", "readwrite", "asking")
def readonly(call: Call) -> Any:  # noqa: ARG001
    raise Refused("ERR This instance has cluster support disabled")


def _help(call: Call) -> Any:
    return [Status(line) for line in HELP[call.spec.name.partition("|")[0]]]


for _name in HELP:
    command(f"{_name}|help")(_help)
