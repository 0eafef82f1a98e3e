"""Tryton: parties and sales come in by poll, and changes to parties go out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field

import hub
from spokes.tryton import reading, rpc, writing
from spokes.tryton.tables import TABLES


class Tryton(hub.Spoke, hub.Pulls, hub.Fetches, hub.Writes, hub.Counts):
    """One database of a Tryton 7.0 server, over JSON-RPC, as a user of it."""

    kind: ClassVar[Literal["crm"]] = "crm"
    streams = tuple(hub.Stream(name) for name in TABLES)
    rate = hub.Rate(calls=20)

    database: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    user: str
    password: hub.Secret

    def auth(self) -> hub.Auth:
        return hub.Basic(self.user, self.password)

    def translate(self, response: hub.Response) -> hub.SyncError | None:
        return rpc.translate(response)

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        server = self._server()
        return self.keyset(cursor, lambda window: reading.changed(server, stream.name, window))

    def fetch(self, stream: hub.Stream, ids: Sequence[str]) -> Iterator[hub.Change]:
        server = self._server()
        for start in range(0, len(ids), reading.PAGE):
            some = ids[start : start + reading.PAGE]
            numbers = [int(id) for id in some if id.isdecimal()]
            found = {one.id: one for one in reading.by_ids(server, stream.name, numbers)}
            yield from (found.get(id) or hub.Change(stream.name, id, None) for id in some)

    def count(self, stream: hub.Stream, since: datetime | None) -> int:
        return reading.counted(self._server(), stream.name, since)

    def upsert(self, stream: hub.Stream, write: hub.Write) -> hub.Receipt:
        _written(stream)
        if write.id is None:
            return writing.create(self._server(), write)
        return writing.update(self._server(), write.id, write)

    def delete(self, stream: hub.Stream, id: str) -> None:
        _written(stream)
        writing.archive(self._server(), id)

    def _server(self) -> rpc.Server:
        return rpc.Server(self.http, self.database)


def _written(stream: hub.Stream) -> None:
    if stream.name != writing.STREAM:
        raise hub.Permanent(f"{stream.name} are read from Tryton, and never written there")
