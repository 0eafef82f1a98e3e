"""SCIM: users, groups and who is in them are read from any server that speaks SCIM 2.0.

Users and groups can be written to it as well.

What a server can do it says in its ServiceProviderConfig. One that can filter and sort is asked
for what changed, by (meta.lastModified, id). From any other everything is listed every time, and
its cursor says so: it cannot be resumed, which makes what a listing lacks known as deleted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Annotated, ClassVar, Literal

from pydantic import Field

import hub
from spokes.scim import memberships, records, writing
from spokes.scim.listing import Listing, Server, capabilities

LISTED = "listed"
"""The cursor after a complete listing of a server that cannot say what changed."""
IDS_PER_QUERY = 40  # keeps the request line far below 8 KB


class Scim(hub.Spoke, hub.Pulls, hub.Fetches, hub.Writes):
    """One tenant of a SCIM server, reached with a bearer token; `url` ends before /Users."""

    kind: ClassVar[Literal["identity"]] = "identity"
    streams = (hub.Stream("Users"), hub.Stream("Groups"), hub.Stream(memberships.NAME))
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
            yield hub.Page((), LISTED)
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

    def upsert(self, stream: hub.Stream, write: hub.Write) -> hub.Receipt:
        _check_is_written(stream)
        server = self._server()
        if write.id is None:
            return writing.create(server, stream, write)
        return writing.update(server, stream, write.id, write)

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
        yield hub.Page((), LISTED)


def _check_is_written(stream: hub.Stream) -> None:
    if stream.name not in records.SCHEMAS:
        raise hub.Permanent(f"{stream.name}: nothing is written there; write the group's members")


def _of_listing(cursor: hub.Cursor | None) -> bool:
    return cursor is not None and (cursor == LISTED or cursor.startswith(Listing.PREFIX))
