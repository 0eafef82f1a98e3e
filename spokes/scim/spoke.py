"""SCIM: users, groups and who is in them are read from any server that speaks SCIM 2.0.

Users and groups can be written to it as well.

What a server can do it says in its ServiceProviderConfig. One that can filter and sort is asked
for what changed, by (meta.lastModified, id). From any other everything is listed every time
(`hub.LISTED`), which makes what a listing lacks known as deleted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, ClassVar, Literal

from pydantic import Field

import hub
from spokes.scim import bulk, memberships, records, writing
from spokes.scim.listing import Listing, Server, capabilities
from spokes.scim.writing import Call

IDS_PER_QUERY = 40  # keeps the request line far below 8 KB


class Scim(hub.Spoke, hub.Pulls, hub.Fetches, hub.WritesMany, hub.Counts):
    """One tenant of a SCIM server, reached with a bearer token; `url` ends before /Users."""

    kind: ClassVar[Literal["identity"]] = "identity"
    streams = (hub.Stream("Users"), hub.Stream("Groups"), hub.Stream(memberships.NAME))
    at_once: ClassVar[int] = bulk.MOST
    rate = hub.Rate(calls=10)

    token: hub.Secret
    incremental: bool = True
    """False: never ask for what changed, though the server says that it can filter and sort."""
    page_size: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """How many records to ask for at a time; without it the server decides. canaille answers any
    number with 500."""

    def auth(self) -> hub.Auth:
        return hub.Bearer(self.token)

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        server = self._server()
        if stream.name == memberships.NAME:
            yield from memberships.listed(server, cursor)
            yield hub.Page((), hub.LISTED)
        elif server.knows_changes and self.incremental and not _of_listing(cursor):
            yield from self.keyset(cursor, partial(server.changed, stream))
        else:
            yield from self._list(server, stream, cursor)

    def fetch(self, stream: hub.Stream, ids: Sequence[str]) -> Iterator[hub.Change]:
        server = self._server()
        if stream.name == memberships.NAME:
            yield from memberships.fetched(server, ids)
            return
        if not server.filters:
            for id in ids:
                yield server.one(stream, id)
            return
        for start in range(0, len(ids), IDS_PER_QUERY):
            some = ids[start : start + IDS_PER_QUERY]
            found = {change.id: change for change in server.by_ids(stream, some)}
            yield from (found.get(id) or hub.Change(stream.name, id, None) for id in some)

    def count(self, stream: hub.Stream, since: datetime | None) -> int | None:
        """Of users and groups; what changed only where the server is asked for that."""
        if stream.name == memberships.NAME:
            return None
        server = self._server()
        if since is not None and not (server.knows_changes and self.incremental):
            return None
        return server.counted(stream, since)

    def upsert(self, stream: hub.Stream, write: hub.Write) -> hub.Receipt:
        _check_is_written(stream)
        server = self._server()
        call = writing.call(server, stream, write)
        return writing.receipt(stream, call, partial(writing.send, server, call))

    def upsert_many(
        self, stream: hub.Stream, writes: Sequence[hub.Write]
    ) -> Sequence[hub.Receipt | hub.SyncError]:
        """By `/Bulk` where the server has it, else one by one; each is looked for before."""
        _check_is_written(stream)
        server = self._server()
        calls: list[Call | hub.SyncError] = []
        for write in writes:
            try:
                calls.append(writing.call(server, stream, write))
            except (hub.Conflict, hub.Permanent) as error:
                calls.append(error)
        together = {n: one for n, one in enumerate(calls) if isinstance(one, Call)}
        answers = bulk.send(server, together)
        attempts: list[hub.Attempt | hub.SyncError] = []
        for number, call in enumerate(calls):
            if isinstance(call, Call):
                answered = answers.get(number) or partial(writing.send, server, call)
                receipt = partial(writing.receipt, stream, call, answered)
                attempts.append(hub.Attempt(receipt, asks=number not in answers))
            else:
                attempts.append(call)
        return hub.outcomes(attempts)

    def delete(self, stream: hub.Stream, id: str) -> None:
        _check_is_written(stream)
        self.http.delete(records.path(stream, id))

    def _server(self) -> Server:
        return Server(self.http, capabilities(self.http), self.page_size)

    def _list(
        self, server: Server, stream: hub.Stream, cursor: hub.Cursor | None
    ) -> Iterator[hub.Page]:
        for changes, listing in server.all(stream, Listing.at(cursor)):
            yield hub.Page(changes, listing.cursor)
        yield hub.Page((), hub.LISTED)


def _check_is_written(stream: hub.Stream) -> None:
    if stream.name not in records.SCHEMAS:
        raise hub.Permanent(f"{stream.name}: nothing is written there; write the group's members")


def _of_listing(cursor: hub.Cursor | None) -> bool:
    return cursor is not None and cursor.startswith(Listing.PREFIX)
