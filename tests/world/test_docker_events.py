"""What is heard of an engine that tells of the past too. The engine is a stand-in: a real one cannot be told when."""

import queue
import threading
import time
from types import SimpleNamespace

from decnet.world.docker import events, labels

SECOND = 1_000_000_000


class Telling:
    """An engine that tells three events and hangs up, once; since when it was asked to tell."""

    asked: list[int | None]

    def __init__(self) -> None:
        self.client = SimpleNamespace(events=self._events)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def _events(self, since, *, decode, filters):
        self.asked.append(since)
        if since is None:
            threading.Event().wait()  # nothing more happens: the thread goes with the process
        now = time.time_ns()
        for action, decoy, moment in (
            ("start", "made by the command", now - 5 * SECOND),
            ("die", "ended right after it", now - 5 * SECOND),
            ("start", "started by somebody", now + 5 * SECOND),
        ):
            of = {labels.NETWORK: "boxes", labels.DECOY: decoy}
            yield {"Type": "container", "Action": action, "Actor": {"Attributes": of}, "timeNano": moment}


def test_what_happened_while_nobody_listened_is_told_but_for_what_the_command_started(monkeypatch):
    monkeypatch.setattr(Telling, "asked", [], raising=False)
    monkeypatch.setattr(events, "Engine", Telling)
    monkeypatch.setattr(events, "_AGAIN_SECONDS", 0.2)
    told: queue.Queue[str] = queue.Queue()
    events.Listener("boxes", 1_700_000_000, told.put)
    assert [told.get(timeout=10) for _ in range(3)] == [
        "ended right after it: container ended",
        "started by somebody: container started",
        "the Docker Engine is back",
    ]
    assert Telling.asked[0] == 1_700_000_000
