"""Events: what they are, how they are made safe, and where they go."""

from decnet.events.schema import Event, EventType, event_id, now, safe_text

__all__ = ["Event", "EventType", "event_id", "now", "safe_text"]
