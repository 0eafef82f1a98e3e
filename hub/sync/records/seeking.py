"""External records that look for one of ours are read again when it may have come.

A mapping that creates nothing leaves a record alone until its match rules find something. So that
the order in which systems tell of a person is of no matter, what such a record looks by is
remembered, and what arrives or changes here is compared with that: one statement per page, none
where no mapping looks for anything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from hub.mapping import ABSENT
from hub.queue import Request
from hub.store import seekers
from hub.store.database import Transaction
from hub.store.records import Row
from hub.sync.connection import Connections
from hub.sync.jobs import Refetch, request

Changed = tuple[str, Row, frozenset[str] | None, str]
"""A record's table, its row, the fields that changed (None: it is new), its external id."""


def after_changes(
    tx: Transaction, connections: Connections, source: str, changes: Iterable[Changed]
) -> list[Request]:
    """Jobs for whoever looks for what these changes say; the connection `source` told of them."""
    if not connections.are_sought:
        return []
    told, own = list[str](), set[str]()
    for table, row, changed, external_id in changes:
        told += _of_row(connections, table, row, changed)
        own.add(external_id)
    return _woken(tx, told, source, own)


def after_births(
    tx: Transaction, connections: Connections, source: str, table: str,
    said: Mapping[str, Sequence[Any]], external_ids: Iterable[str],
) -> list[Request]:  # fmt: skip
    """The same for new records, by their columns."""
    told = [
        seekers.digest(table, place.column, str(value))
        for place in connections.sought(table)
        for value in said.get(place.column, ())
        if value is not ABSENT and value
    ]
    return _woken(tx, told, source, set(external_ids) if told else ())


def after_merge(tx: Transaction, connections: Connections, table: str, row: Row) -> list[Request]:
    """The same for a record that was two, or is one of two again."""
    return _woken(tx, _of_row(connections, table, row), "", ())


def _of_row(
    connections: Connections, table: str, row: Row, changed: frozenset[str] | None = None
) -> Iterator[str]:
    for place in connections.sought(table):
        if changed is None or place.said & changed:
            value = row.get(place.column) or (row.get("hub_custom") or {}).get(place.column)
            if value:
                yield seekers.digest(table, place.column, str(value))


def _woken(
    tx: Transaction, told: Iterable[str], source: str, own: Collection[str]
) -> list[Request]:
    digests = list(told)
    return [
        request(Refetch(connection, stream, id))
        for connection, stream, id in (seekers.of(tx, digests) if digests else ())
        if connection != source or id not in own
    ]
