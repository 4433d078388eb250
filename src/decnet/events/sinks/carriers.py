"""The carrier of each kind of sink, made from its setting."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Sequence
from functools import partial

from decnet.events.formats import Fleet, document, line_document
from decnet.events.sinks.carrier import Carrier
from decnet.events.sinks.file import FileCarrier
from decnet.events.sinks.jetstream import JetStream
from decnet.events.sinks.setting import (
    FileSetting,
    NatsSetting,
    SinkBundle,
    StdoutSetting,
    SyslogSetting,
    WebhookSetting,
)
from decnet.events.sinks.stdout import Outlet, StdoutCarrier
from decnet.events.sinks.syslog import syslog_carrier
from decnet.events.sinks.webhook import Webhook


def carrier(bundle: SinkBundle, descriptors: Sequence[int], stop: threading.Event, outlet: Outlet) -> Carrier:
    """The carrier of a sink. ``descriptors``: for a file its open folder, which is duplicated.

    Raises:
        ValueError: a descriptor is missing, or a secret cannot be used.
        OSError: a certificate or key cannot be used.
    """
    setting = bundle.setting
    fleet = Fleet(bundle.hostnames, socket.gethostname())
    match setting:
        case SyslogSetting():
            return syslog_carrier(setting, fleet, stop)
        case WebhookSetting():
            make = document(setting.format, fleet, setting.max_size)
            return Webhook(setting, partial(line_document, make), stop)
        case NatsSetting():
            return JetStream(setting, document(setting.format, fleet, setting.max_size), stop)
        case StdoutSetting():
            return StdoutCarrier(outlet, partial(line_document, document(setting.format, fleet)), stop)
        case FileSetting():
            if not descriptors:
                raise ValueError("the folder of the file is needed")
            encode = partial(line_document, document(setting.format, fleet))
            return FileCarrier(os.dup(descriptors[0]), os.path.basename(setting.path), setting, encode)  # noqa: PTH119
