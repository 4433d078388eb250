"""How grave each type of event is."""

from __future__ import annotations

from collections.abc import Mapping

from decnet.events.schema import EventType

SEVERITIES: Mapping[EventType, int] = {
    EventType.ERROR: 3,
    EventType.AUTH: 4,
    EventType.COMMAND: 4,
    EventType.DOWNLOAD: 4,
    EventType.UPLOAD: 4,
    EventType.REQUEST: 5,
    EventType.SCAN: 5,
    EventType.STATE: 5,
    EventType.APPLY: 5,
    EventType.LOG: 6,
    EventType.OPEN: 6,
    EventType.CLOSE: 6,
    EventType.FINGERPRINT: 6,
}
"""RFC 5424 section 6.2.1, table 2: 3 error, 4 warning, 5 notice, 6 informational."""
