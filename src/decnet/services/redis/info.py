"""INFO: the rendered shape of a version's report, filled with what moves."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from decnet.services.redis.state import State
from decnet.services.redis.table import DATA

STARTUP_MEMORY = 876096
SYSTEM_MEMORY = 4 * 1024**3 - 173 * 1024**2
_HIDDEN = frozenset({"commandstats", "latencystats"})
"""Sections that INFO shows only when asked."""
_FIELD = re.compile(r"\{(\w+)\}")
_SHAPE = (DATA.parent / "info.txt").read_text(encoding="ascii")
"""Line by line; ``[>=7.0]`` or ``[>=5.0 <7.0]`` in front of a line says which versions have it."""
_LINE = re.compile(r"^(?:\[([^]]*)\] )?(.*)$", re.MULTILINE)


def report(state: State, wanted: list[bytes]) -> bytes:
    """INFO with its arguments: sections, ``all``, ``default``, ``everything``."""
    sections = _sections(state.version)
    names = {name.lower().decode("latin-1") for name in wanted} or {"default"}
    if names & {"all", "everything"}:
        chosen = [name for name in sections if name != "modules" or "everything" in names]
    else:
        chosen = [name for name in sections if name in names or ("default" in names and name not in _HIDDEN)]
    values: dict[str, str] = {}
    blocks = []
    for name in chosen:
        fields = _FIELD.findall(sections[name])
        if fields and fields[0] not in values:
            values.update(_VALUES[name](state))
        text = _FIELD.sub(lambda match: values[match[1]], sections[name])
        blocks.append("".join(line + "\r\n" for line in text.split("\n") if line))
    return "\r\n".join(blocks).encode()


@lru_cache(maxsize=64)
def _sections(version: tuple[int, ...]) -> Mapping[str, str]:
    """The report of a version, block by block."""
    kept = [match[2] for match in _LINE.finditer(_SHAPE) if _applies(match[1] or "", version)]
    blocks = [block.strip() for block in "\n".join(kept).split("\n\n") if block.strip()]
    return {block.split("\n", 1)[0].removeprefix("# ").lower(): block for block in blocks}


def _applies(conditions: str, version: tuple[int, ...]) -> bool:
    for condition in conditions.split():
        bound = tuple(map(int, condition.lstrip(">=<").split(".")))
        if (version < bound) != condition.startswith("<"):
            return False
    return True


def human(size: float) -> str:
    """A size as redis shows it to people (bytesToHuman)."""
    for limit, unit in ((1024, "B"), (1024**2, "K"), (1024**3, "M"), (1024**4, "G")):
        if size < limit:
            return f"{int(size)}B" if unit == "B" else f"{size * 1024 / limit:.2f}{unit}"
    return f"{size / 1024**4:.2f}T"


def used_memory(state: State) -> int:
    """Bytes the server says it uses."""
    return STARTUP_MEMORY + state.dataset.used + 22_000 * len(state.clients) + 4096


def _server(state: State) -> dict[str, str]:
    now = time.time()
    uptime = int(max(1, now - state.facts.booted - 7))
    return {
        **state.told,
        "process_id": str(state.process_id),
        "run_id": state.run_id,
        "server_time_usec": str(int(now * 1_000_000)),
        "uptime_in_seconds": str(uptime),
        "uptime_in_days": str(uptime // 86400),
        "hz": state.config["hz"].decode(),
        "lru_clock": str(int(now) & 0xFFFFFF),
    }


def _clients(state: State) -> dict[str, str]:
    return {
        "connected_clients": str(len(state.clients)),
        "maxclients": state.config["maxclients"].decode(),
        "client_recent_max_input_buffer": "20480",
        "blocked_clients": str(sum(client.blocked is not None for client in state.clients.values())),
    }


def memory(state: State) -> dict[str, str]:
    """The fields of the section Memory."""
    used = used_memory(state)
    state.peak = max(state.peak, used)
    overhead = (
        STARTUP_MEMORY
        + 1800 * len(state.clients)
        + 72 * sum(len(db.values) for db in state.dataset.databases)
    )
    data = max(1, used - overhead)
    rss = 12_300_000 + int(used * 1.1)
    allocated, active, resident = used + 780_000, used + 910_000, used + 3_600_000
    scripts = sum(map(len, state.scripts.values()))
    maxmemory = int(state.config["maxmemory"])
    sizes = {
        "used_memory": used,
        "used_memory_rss": rss,
        "used_memory_peak": state.peak,
        "total_system_memory": SYSTEM_MEMORY,
        "used_memory_scripts": scripts + 200,
        "maxmemory": maxmemory,
    }
    return {name: str(size) for name, size in sizes.items()} | {
        **{f"{name}_human": human(size) for name, size in sizes.items()},
        "used_memory_peak_perc": f"{used * 100 / state.peak:.2f}%",
        "used_memory_overhead": str(overhead),
        "used_memory_startup": str(STARTUP_MEMORY),
        "used_memory_dataset": str(data),
        "used_memory_dataset_perc": f"{data * 100 / max(1, used - STARTUP_MEMORY):.2f}%",
        "allocator_allocated": str(allocated),
        "allocator_active": str(active),
        "allocator_resident": str(resident),
        "used_memory_scripts_eval": str(scripts),
        "number_of_cached_scripts": str(len(state.scripts)),
        "maxmemory_policy": state.config["maxmemory-policy"].decode(),
        "allocator_frag_ratio": f"{active / allocated:.2f}",
        "allocator_frag_bytes": str(active - allocated),
        "allocator_rss_ratio": f"{resident / active:.2f}",
        "allocator_rss_bytes": str(resident - active),
        "rss_overhead_ratio": f"{rss / resident:.2f}",
        "rss_overhead_bytes": str(rss - resident),
        "mem_fragmentation_ratio": f"{rss / used:.2f}",
        "mem_fragmentation_bytes": str(rss - used),
        "mem_clients_normal": str(1800 * len(state.clients)),
    }


def _persistence(state: State) -> dict[str, str]:
    return {
        "rdb_changes_since_last_save": str(state.dataset.dirty),
        "rdb_last_save_time": str(int(state.saved)),
        "rdb_last_bgsave_time_sec": "0" if state.saves else "-1",
        "rdb_saves": str(state.saves),
        "rdb_last_cow_size": "417792" if state.saves else "0",
        "rdb_last_load_keys_loaded": str(state.loaded),
        "aof_enabled": "1" if state.config["appendonly"] == b"yes" else "0",
    }


def _stats(state: State) -> dict[str, str]:
    stats = state.stats
    uptime = max(1.0, time.time() - state.facts.booted)
    return {
        "total_connections_received": str(stats.connections),
        "total_commands_processed": str(stats.commands),
        "instantaneous_ops_per_sec": str(stats.last_second),
        "total_net_input_bytes": str(stats.received),
        "total_net_output_bytes": str(stats.sent),
        "instantaneous_input_kbps": f"{stats.last_second * 0.03:.2f}",
        "instantaneous_output_kbps": f"{stats.last_second * 0.02:.2f}",
        "expired_keys": str(state.dataset.expired),
        "expire_cycle_cpu_milliseconds": str(int(uptime * 0.021)),
        "keyspace_hits": str(stats.hits),
        "keyspace_misses": str(stats.misses),
        "pubsub_channels": str(len(state.channels)),
        "pubsub_patterns": str(len(state.patterns)),
        "latest_fork_usec": "312" if state.saves else "0",
        "rdb_saves": str(state.saves),
        "total_error_replies": str(sum(stats.errors.values())),
        "total_reads_processed": str(stats.reads),
        "total_writes_processed": str(stats.writes),
        "reply_buffer_shrinks": str(stats.connections // 2),
    }


def _replication(state: State) -> dict[str, str]:
    master = state.master
    lines = []
    if master is None:
        lines.append("role:master")
    else:
        lines += [
            "role:slave",
            f"master_host:{master[0]}",
            f"master_port:{master[1]}",
            "master_link_status:down",
            "master_last_io_seconds_ago:-1",
            "master_sync_in_progress:0",
        ]
        if state.version >= (7, 0):
            lines.append("slave_read_repl_offset:0")
        lines += [
            "slave_repl_offset:0",
            "master_link_down_since_seconds:-1",
            f"slave_priority:{state.config['replica-priority'].decode()}",
            "slave_read_only:" + ("1" if state.config["replica-read-only"] == b"yes" else "0"),
        ]
        if state.version >= (6, 2):
            lines.append("replica_announced:1")
    lines.append("connected_slaves:0")
    if state.version >= (6, 2):
        lines.append("master_failover_state:no-failover")
    lines += [
        f"master_replid:{state.replication_id}",
        f"master_replid2:{state.previous_replication_id}",
        "master_repl_offset:0",
        "second_repl_offset:" + ("-1" if state.previous_replication_id == "0" * 40 else "1"),
        "repl_backlog_active:0",
        f"repl_backlog_size:{state.config['repl-backlog-size'].decode()}",
        "repl_backlog_first_byte_offset:0",
        "repl_backlog_histlen:0",
    ]
    return {"replication": "\n".join(lines)}


def _cpu(state: State) -> dict[str, str]:
    uptime = max(1.0, time.time() - state.facts.booted)
    system = uptime * 0.00061 + state.stats.commands * 1.1e-5
    user = uptime * 0.00083 + state.stats.commands * 0.9e-5
    children = 0.0021 * state.saves
    return {
        "used_cpu_sys": f"{system:.6f}",
        "used_cpu_user": f"{user:.6f}",
        "used_cpu_sys_children": f"{children:.6f}",
        "used_cpu_user_children": f"{children / 3:.6f}",
        "used_cpu_sys_main_thread": f"{system * 0.996:.6f}",
        "used_cpu_user_main_thread": f"{user * 0.997:.6f}",
    }


def _commandstats(state: State) -> dict[str, str]:
    tail = state.version >= (6, 2)
    return {
        "commandstats": "\n".join(
            f"cmdstat_{name}:calls={use.calls},usec={use.spent},usec_per_call={use.spent / max(1, use.calls):.2f}"
            + (f",rejected_calls={use.rejected},failed_calls={use.failed}" if tail else "")
            for name, use in state.stats.usage.items()
        )
    }


def _errorstats(state: State) -> dict[str, str]:
    errors = sorted(state.stats.errors.items())
    return {"errorstats": "\n".join(f"errorstat_{code}:count={count}" for code, count in errors)}


def _latencystats(state: State) -> dict[str, str]:
    rows = []
    for name, use in state.stats.usage.items():
        if use.calls:
            mean = use.spent / use.calls
            rows.append(
                f"latency_percentiles_usec_{name}:p50={mean:.3f},p99={mean * 2.4:.3f},p99.9={mean * 2.9:.3f}"
            )
    return {"latencystats": "\n".join(rows)}


def _keyspace(state: State) -> dict[str, str]:
    rows = []
    for db in state.dataset.databases:
        db.purge()
        if db.values:
            now = time.time() * 1000
            left = [when - now for when in db.expires.values()]
            mean = int(sum(left) / len(left)) if left else 0
            rows.append(f"db{db.number}:keys={len(db.values)},expires={len(left)},avg_ttl={mean}")
    return {"keyspace": "\n".join(rows)}


_VALUES: Mapping[str, Callable[[State], dict[str, Any]]] = {
    "server": _server,
    "clients": _clients,
    "memory": memory,
    "persistence": _persistence,
    "stats": _stats,
    "replication": _replication,
    "cpu": _cpu,
    "commandstats": _commandstats,
    "errorstats": _errorstats,
    "latencystats": _latencystats,
    "keyspace": _keyspace,
}
