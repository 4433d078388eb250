"""What can be asked. A word that is none of these is an error, so that no filter is left out without a word."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from decnet.events.store import Wanted, micros_of

_Name = Annotated[str, StringConstraints(min_length=1, max_length=128)]
_MOST = (1 << 53) - 1


class Strict(BaseModel):
    """Nothing but what is named."""

    model_config = ConfigDict(extra="forbid")


class Paged(Strict):
    """A part of a list."""

    limit: int = Field(50, ge=1, le=1000, description="items of a page")
    cursor: int | None = Field(None, ge=0, le=_MOST, description="`next` of the page before")


class Filters(Strict):
    """Which events; of several values one has to fit."""

    network: list[_Name] = Field([], max_length=50)
    decoy: list[_Name] = Field([], max_length=50)
    service: list[_Name] = Field([], max_length=50, examples=[["ssh"]])
    type: list[_Name] = Field(
        [], max_length=50, description="as a whole, or its first word", examples=[["auth"]]
    )
    source: list[_Name] = Field(
        [], max_length=50, description="address of the visitor", examples=[["198.51.100.9"]]
    )
    session: str = Field("", max_length=64)
    since: datetime | None = Field(None, description="included", examples=["2026-11-22T17:00:00Z"])
    until: datetime | None = Field(None, description="not included")
    after: int | None = Field(None, ge=0, le=_MOST, description="newer than this `seq`, the oldest first")

    def wanted(self) -> Wanted:
        """For the store."""
        return Wanted(
            tuple(self.network), tuple(self.decoy), tuple(self.service), tuple(self.type), tuple(self.source),
            self.session, micros(self.since), micros(self.until), None, self.after,
        )  # fmt: skip


class EventsQuery(Filters, Paged):
    """A page of events."""

    def wanted(self) -> Wanted:
        """For the store."""
        return replace(super().wanted(), before=self.cursor)


class SessionsQuery(Paged):
    network: str = Field("", max_length=128)
    decoy: str = Field("", max_length=128)
    source: str = Field("", max_length=64)


class AttackersQuery(Strict):
    limit: int = Field(50, ge=1, le=1000, description="items of a page")
    cursor: str | None = Field(
        None, pattern=r"^[0-9]{1,16}\.[0-9]{1,15}$", description="`next` of the page before"
    )


class CredentialsQuery(Paged):
    reused: bool = Field(False, description="only secrets from two sources, or at two decoys")
    secret: str = Field("", max_length=4200)


class DecoysQuery(Strict):
    network: str = Field("", max_length=128)


class HistogramQuery(Strict):
    """A day by the hour, up to the last event, when nothing is said."""

    since: datetime | None = None
    until: datetime | None = None
    width: int = Field(3600, ge=60, le=86_400, multiple_of=60, description="seconds of a bar")
    network: list[_Name] = Field([], max_length=50)


def micros(moment: datetime | None) -> int | None:
    """Microseconds since 1970; nothing is from before."""
    return None if moment is None else max(0, micros_of(moment))


Events = Annotated[EventsQuery, Query()]
Stream = Annotated[Filters, Query()]
Sessions = Annotated[SessionsQuery, Query()]
Attackers = Annotated[AttackersQuery, Query()]
Credentials = Annotated[CredentialsQuery, Query()]
Artifacts = Annotated[Paged, Query()]
Decoys = Annotated[DecoysQuery, Query()]
Histogram = Annotated[HistogramQuery, Query()]
Nothing = Annotated[Strict, Query()]
