"""Whoever is told of a conflict hears their side before insisting."""

from __future__ import annotations

from hub.spoke import Fetches
from hub.sync.connection import Connection
from hub.sync.jobs import Poll, Refetch


def hearing(connection: Connection, stream: str, external_id: str | None) -> Poll | Refetch:
    """What brings their side of a record, which has no id yet if we were about to create it.

    A poll is blind to the last seconds, so the record itself is better where one can ask for it.
    """
    if external_id is not None and isinstance(connection.spoke, Fetches):
        return Refetch(connection.name, stream, external_id)
    return Poll(connection.name, stream)
