"""``[sink-NAME]`` and ``log_target`` to sinks."""

from __future__ import annotations

from decnet.events.sinks import FileSetting
from decnet.ini import Document
from decnet.spec.keys import General, SinkKeys
from decnet.spec.model import Sink
from decnet.spec.outline import Outline
from decnet.spec.reading import Findings, Read, read
from decnet.spec.sinks.kinds import setting_of
from decnet.spec.sinks.syslog import syslog_setting

__all__ = ["LOG_TARGET", "sinks"]
LOG_TARGET = "log_target"
"""Name of the sink that this key of ``[general]`` declares."""


def sinks(
    document: Document, sections: Outline, general: Read[General], findings: Findings
) -> tuple[Sink, ...]:
    """Every sink that is declared, beside the log that every network has."""
    found: list[Sink] = []
    for name, section in sections.kinds["sink"].items():
        keys = read(document, (section,), SinkKeys, section.span, findings)
        setting = setting_of(keys, findings)
        if setting is not None:
            found.append(Sink(name, setting, keys.span, keys.spans))
    if general.keys.log_target:
        at = general.at(LOG_TARGET)
        short = syslog_setting(general.keys.log_target, at, SinkKeys(), findings)
        if short is not None:
            found.append(Sink(LOG_TARGET, short, at, {}))
    _check_together(found, findings)
    return tuple(found)


def _check_together(found: list[Sink], findings: Findings) -> None:
    """No two sinks have one name or write to one file."""
    names: dict[str, Sink] = {}
    paths: dict[str, Sink] = {}
    for sink in found:
        other = names.setdefault(sink.name, sink)
        if other is not sink:
            message = f"log_target is a sink of this name, and [sink-{sink.name}] another"
            findings.error("bad-name", message, other.span, "give one of them another name", (sink.span,))
        if isinstance(sink.setting, FileSetting):
            other = paths.setdefault(sink.setting.path, sink)
            if other is not sink:
                span = sink.spans.get("path", sink.span)
                related = (other.spans.get("path", other.span),)
                findings.error(
                    "path-used-twice", f"two sinks write to {sink.setting.path}", span, related=related
                )
