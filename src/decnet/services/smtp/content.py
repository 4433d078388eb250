"""The content: DATA (RFC 5321 section 4.1.1.4) and BDAT (RFC 3030), taken and told, never sent on."""

from __future__ import annotations

import asyncio
import re
import time
from typing import ClassVar

from decnet.draw import Draw
from decnet.events import EventType
from decnet.services.smtp.conversation import COMMAND_SECONDS, RECIPIENTS_LOGGED, Mail
from decnet.services.smtp.envelope import Envelope
from decnet.services.smtp.message import END_LONGEST, LAX, Ending, Message

OVERSIZE = 4
"""So many times the largest message is read and dropped; then the connection ends."""


class Content(Envelope):
    """What a message says."""

    async def do_data(self, rest: str) -> None:  # noqa: ARG002
        if self.mail is None:
            self.say("data_early")
        elif not self.mail.recipients:
            self.say("data_empty")
        elif self.mail.message is not None:
            self.say("data_chunked")
        else:
            await self.receive(self.mail)

    async def receive(self, mail: Mail) -> None:
        """The content after DATA, to its end."""
        self.say("data_go")
        message = mail.message = Message()
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                end = await self.ending(message)
            mark = end.first if end else None
            while mark and not self.closing:
                async with asyncio.timeout(COMMAND_SECONDS):
                    piece, ended = await self.wire.until(mark, END_LONGEST)
                last = end.last.search(piece) if end and ended else None
                self.take(message, piece[: last.start(1)] if last else piece, stuffed=True)
                mark = end.later if end and not ended else None
        except TimeoutError:
            self.say("timeout")
            self.closing = True
        if not self.closing:
            self.accept(mail, message)

    async def ending(self, message: Message) -> Ending | None:  # noqa: ARG002 (others look at the first line)
        """What ends the data; None when it has ended already."""
        return LAX

    def take(self, message: Message, piece: bytes, *, stuffed: bool) -> None:
        """Add to a message; past the largest size it is counted only, and far past it the connection ends."""
        if message.received <= self.site.replies.size:
            message.add(piece, stuffed=stuffed)
        else:
            message.received += len(piece)
        self.closing = self.closing or message.received > self.site.replies.size * OVERSIZE

    def accept(self, mail: Mail, message: Message, *, chunk: int | None = None) -> None:
        """The content is all here: queue it, or say why not."""
        message.finish()
        if message.received > self.site.replies.size:
            self.say("data_over")
            self.drop("too big")
            return
        queue = self.site.queue.next()
        seconds = max(time.monotonic() - mail.began, 0.02)
        self.say(
            "queued" if chunk is None else "chunk_last",
            queue=queue,
            bytes=self.counted(message) if chunk is None or self.TOTAL_IN_CHUNK else chunk,
            total=self.counted(message),
            message=_message_id(bytes(message.kept))
            or f"<{Draw(self.site.seed, queue).hex(16)}@{self.site.host}>",
            seconds=f"{seconds:.3f}",
            rate=f"{message.size / 1024 / seconds:.3f}",
        )
        self.session.emit(
            EventType.UPLOAD,
            path=f"{queue}.eml",
            sha256=message.sha256,
            size=message.size,
            content=bytes(message.kept),
            kept=len(message.kept),
            queue=queue,
            method="smtp",
            mail_from=mail.sender,
            rcpt_to=mail.recipients[:RECIPIENTS_LOGGED],
        )
        self.drop("queued", queue=queue)

    TOTAL_IN_CHUNK: ClassVar[bool] = False

    def counted(self, message: Message) -> int:
        """The size that a reply names."""
        return message.size

    async def do_bdat(self, rest: str) -> None:
        """A chunk (RFC 3030). Its octets are taken also where it is refused."""
        found = re.fullmatch(r"(\d{1,18})(?:\s+(last))?", rest.strip(), re.IGNORECASE)
        if found is None:
            self.say("chunk_syntax", verb="BDAT")
            self.closing = self.CHUNK_SYNTAX_ENDS
            return
        refusal = "data_early" if self.mail is None else "" if self.mail.recipients else "data_empty"
        message = Message()
        if self.mail is not None and not refusal:
            message = self.mail.message = self.mail.message or message
        size = int(found[1])
        if not await self._chunk(message, size):
            return
        if refusal or self.mail is None:
            self.say(refusal, verb="BDAT")
        elif found[2]:
            self.accept(self.mail, message, chunk=size)
        else:
            self.say("chunk", bytes=size)

    CHUNK_SYNTAX_ENDS: ClassVar[bool] = False

    async def _chunk(self, message: Message, size: int) -> bool:
        left = size
        while left and not self.closing:
            try:
                async with asyncio.timeout(COMMAND_SECONDS):
                    piece = await self.wire.exactly(min(left, 16384))
            except TimeoutError:
                self.say("timeout")
                self.closing = True
                break
            left -= len(piece)
            self.take(message, piece, stuffed=False)
        return not self.closing


def _message_id(head: bytes) -> str:
    """The Message-ID of a message's header, if it has one that can stand in a reply."""
    found = re.search(rb"(?im)^message-id:[ \t]*(<[!-~]{1,200}>)", head)
    return found[1].decode("ascii") if found else ""
