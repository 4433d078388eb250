"""Sinks: where events go beside the network's own log. What each is made of, how it sends, how it takes turns."""

from decnet.events.sinks.setting import Facility, FileSetting, Setting, SinkBundle, SyslogSetting, Transport

__all__ = ["Facility", "FileSetting", "Setting", "SinkBundle", "SyslogSetting", "Transport"]
