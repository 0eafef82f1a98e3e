"""What they have not been told: values of ours that differ from what both sides agreed on last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeVar

from hub.errors import Permanent, Transient
from hub.mapping import Mapping as FieldMapping
from hub.mapping import RecordFailed, Ref
from hub.store import entities, links, records
from hub.store.database import Transaction
from hub.store.links import Link
from hub.store.records import Row, Wanted
from hub.sync.connection import Connection
from hub.sync.jobs import Push
from hub.sync.records.merge import plain

Values = dict[str, Any]
"""Ours, by field."""
Refs = Mapping[tuple[str, str], str]
"""Their ids by (stream, sys_id)."""
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Unsent:
    """What a push has to say: our values by field, none if both sides agree.

    `heard` is what they will say of these fields from then on, in JSON's types.
    """

    mapping: FieldMapping
    link: Link | None
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    refs: Refs = field(default_factory=dict[tuple[str, str], str])
    heard: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def data(self) -> dict[str, Any]:
        """Their record's fields by path; raises `RecordFailed`."""
        return self.mapping.outward(self.values, self.refs) if self.values else {}


def unsent(
    tx: Transaction, connection: Connection, pushes: Sequence[Push]
) -> list[Unsent | Exception]:
    """What each push of a connection would send now, or why it cannot: `Transient` while they lack
    a record that it refers to. The same number of statements for any number of pushes.

    Only fields that differ from what both sides agreed on last are sent. A record that they do
    not have is created only by a mapping with a `stamp`, so that we know our own creation again.
    A field on which a person has to decide is left alone until then.
    """
    known = _read(tx, connection, pushes)
    owed = [tried(partial(_owed, connection, push, known)) for push in pushes]
    wanted = {ref for one in owed if isinstance(one, _Owed) for ref in _wanted(connection, one)}
    refs = links.sources(tx, connection.name, wanted) if wanted else {}
    return [
        one if isinstance(one, Exception) else tried(partial(_said, connection, one, refs))
        for one in owed
    ]


def unsent_to(tx: Transaction, connection: Connection, push: Push) -> list[Unsent]:
    """What a push would send to each of several records that all are this one, in our own store.

    Raises `Transient` while one of them refers to what is not linked yet.
    """
    known = _read(tx, connection, [push])
    its = [
        link
        for link in links.of_record(tx, push.table, push.sys_id)
        if (link.connection, link.stream) == (connection.name, push.stream)
    ]
    each = [known._replace(links={(push.stream, push.table, push.sys_id): one}) for one in its]
    owed = [_owed(connection, push, one) for one in each]
    wanted = {ref for one in owed for ref in _wanted(connection, one)}
    refs = links.sources(tx, connection.name, wanted) if wanted else {}
    return [_said(connection, one, refs) for one in owed]


def tried(make: Callable[[], Made]) -> Made | Exception:
    """What is made of one record, or what that fails of: the others are none the worse for it."""
    try:
        return make()
    except Exception as error:  # noqa: BLE001 -- a bug that one record meets is its own as well
        return error


def to_send(mapping: FieldMapping, row: Row, link: Link | None) -> Values:
    """The fields that differ from what was agreed on; all that have a value, if nothing was."""
    ours = row | (row.get("hub_custom") or {})
    if link is None:
        return {name: ours[name] for name in mapping.writes if ours.get(name) is not None}
    base = link.base or {}
    return {
        name: ours.get(name) for name in mapping.writes if plain(ours.get(name)) != base.get(name)
    }


class _Known(NamedTuple):
    """What the store has on the records to be sent."""

    rows: Mapping[str, Row]
    links: Mapping[tuple[str, str, str], Link]
    held: Mapping[str, set[str]]
    """Fields on which a person has to decide, by sys_id."""


class _Owed(NamedTuple):
    """Values that differ, and may be sent."""

    mapping: FieldMapping
    link: Link | None
    values: Values


def _read(tx: Transaction, connection: Connection, pushes: Iterable[Push]) -> _Known:
    """Two statements."""
    tables: dict[str, dict[str, None]] = {}
    for push in pushes:
        tables.setdefault(push.table, {})[push.sys_id] = None
    wanted = [Wanted(entities.find(table), list(ids)) for table, ids in tables.items()]
    found = records.read_all(tx, wanted)
    keys = [(push.stream, push.table, push.sys_id) for push in pushes]
    linked = links.of_records(tx, connection.name, keys)
    held = {
        sys_id: {one.field for one in those if one.holds and one.connection == connection.name}
        for sys_id, those in found.conflicts.items()
    }
    return _Known(found.rows, linked, held)


def _owed(connection: Connection, push: Push, known: _Known) -> _Owed:
    mapping = _mapping_of(connection, push)
    link = known.links.get((push.stream, push.table, push.sys_id))
    row = known.rows.get(push.sys_id)
    creates = mapping.stamp and not connection.ours  # a flow makes one of ours of theirs only
    if row is None or not (creates if link is None else not link.deleted):
        return _Owed(mapping, link, {})
    values = to_send(mapping, row, link)
    held = known.held.get(push.sys_id)
    if held and _asks_people(mapping):
        values = {name: value for name, value in values.items() if name not in held}
    return _Owed(mapping, link, values)


def _mapping_of(connection: Connection, push: Push) -> FieldMapping:
    for mapping in connection.mappings[push.stream]:
        if mapping.table == push.table:
            return mapping
    raise Permanent(
        f"{connection.name}/{push.stream}: no mapping writes {push.table} any more; "
        "bring it back, or drop the job"
    )


@lru_cache(maxsize=1024)
def _asks_people(mapping: FieldMapping) -> bool:
    """Whether a person has to decide on any field that is written."""
    return any(mapping.owner_of(name) == "manual" for name in mapping.writes)


def _wanted(connection: Connection, owed: _Owed) -> list[tuple[str, str, str]]:
    """(stream, table, sys_id) of everything that the values refer to, in whatever table it is."""
    return [
        (stream, target.table, owed.values[name])
        for name, stream in owed.mapping.ref_streams.items()
        if owed.values.get(name)
        for target in connection.mappings.get(stream, ())
    ]


def _said(connection: Connection, owed: _Owed, refs: Refs) -> Unsent:
    """Raises `Transient` while they do not know a record yet that ours refers to."""
    mapping, link, values = owed
    for name, stream in mapping.ref_streams.items():
        if values.get(name) and (stream, values[name]) not in refs:
            raise Transient(
                f"{mapping.place(name)}: {name}: {values[name]} is not linked to "
                f"{connection.name}/{stream} yet"
            )
    heard = _as_they_will_say_it(mapping, values, refs)
    values = {n: v for n, v in values.items() if not link or heard[n] != _agreed(link, n)}
    return Unsent(mapping, link, values, refs, heard)


_NOTHING_AGREED = object()


def _agreed(link: Link, name: str) -> Any:
    """What both sides agreed on last, in JSON's types."""
    return (link.base or {}).get(name, _NOTHING_AGREED)


def _as_they_will_say_it(mapping: FieldMapping, values: Values, refs: Refs) -> dict[str, Any]:
    """Our values as they come back, in JSON's types: their words may be fewer than ours.

    Where two of our words are one of theirs, what they tell us later is no change of theirs. A
    reference comes back as it went: it is their id that is mapped, not ours.
    """
    heard = {name: plain(value) for name, value in values.items()}
    with suppress(RecordFailed):  # what cannot be read back by itself is taken as it was sent
        back = mapping.inward(mapping.outward(values, refs))
        heard |= {
            name: plain(value)
            for name, value in back.items()
            if name in values and not isinstance(value, Ref)
        }
    return heard
