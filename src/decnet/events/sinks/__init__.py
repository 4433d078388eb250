"""Sinks: where events go beside the network's own log. What each is made of, how it sends, how it takes turns."""

from decnet.events.sinks.setting import (
    Body,
    Facility,
    FileSetting,
    Format,
    NatsSetting,
    Secured,
    Setting,
    SinkBundle,
    StdoutSetting,
    SyslogSetting,
    Transport,
    WebhookSetting,
    kind_of,
)

__all__ = [
    "Body",
    "Facility",
    "FileSetting",
    "Format",
    "NatsSetting",
    "Secured",
    "Setting",
    "SinkBundle",
    "StdoutSetting",
    "SyslogSetting",
    "Transport",
    "WebhookSetting",
    "kind_of",
]
