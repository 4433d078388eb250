"""Events: what they are, how they are made safe, and where they go."""

from decnet.events.file import FileSink, Rotation
from decnet.events.reader import Filter, follow, read
from decnet.events.schema import Event, EventType, event_id, now, safe_text

__all__ = [
    "Event",
    "EventType",
    "FileSink",
    "Filter",
    "Rotation",
    "event_id",
    "follow",
    "now",
    "read",
    "safe_text",
]
