"""How an event looks where it goes: as it is in the log, in the Elastic Common Schema, or in OCSF; always one JSON object."""

from decnet.events.formats.document import Document, Fleet, document, line_document

__all__ = ["Document", "Fleet", "document", "line_document"]
