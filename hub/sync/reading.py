"""Read the changes of a page with their mappings: the part that needs no database.

What comes out is one `Item` per change and mapping, or a dead letter with every fault.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import orjson

from hub.errors import Permanent
from hub.mapping import Mapping as FieldMapping
from hub.mapping import RecordFailed
from hub.spoke import Change, Page
from hub.store.dead import DeadRecord
from hub.store.links import Known, Link

LONGEST_ID = 255


@dataclass(slots=True)
class Item:
    """One change as one mapping reads it. `sys_id` is set once we know which record it is."""

    mapping: FieldMapping
    change: Change
    key: str
    digest: bytes = b""
    link: Link | None = None
    values: dict[str, Any] = field(default_factory=dict[str, Any])
    children: Mapping[str, Sequence[Any]] = field(default_factory=dict[str, Any])
    sys_id: str = ""
    fresh: bool = False
    gone: bool = False


def changes_of(page: Page, stream: str, mappings: Sequence[FieldMapping]) -> Iterable[Change]:
    """A page's changes; a body is opened, and the first mapping says each record's id."""
    if page.body is None:
        return page.changes
    records = orjson.loads(page.body)
    for step in page.at.split(".") if page.at else ():
        records = records[step]
    if not isinstance(records, list):
        raise Permanent(f"{stream}: no list of records at {page.at!r} in the page's body")
    first = mappings[0]
    return (
        Change(stream, first.key(record), record, first.version(record)) for record in records
    )


def newest(changes: Iterable[Change]) -> list[Change]:
    """Of several changes of one record in a page, the newest; of equals, the last."""
    kept: dict[str, Change] = {}
    for change in changes:
        other = kept.get(change.id)
        if other is None or change.version >= other.version:
            kept[change.id] = change
    return list(kept.values())


def identify(
    connection: str, changes: Iterable[Change], mappings: Sequence[FieldMapping]
) -> Iterator[Item | DeadRecord]:
    """Give each change its key and digest under each mapping."""
    for change in changes:
        raw = b"" if change.data is None else canonical(change.data)
        for mapping in mappings:
            try:
                yield _identified(change, mapping, raw)
            except RecordFailed as error:
                yield buried(connection, change, mapping, error)


def _identified(change: Change, mapping: FieldMapping, raw: bytes) -> Item:
    if change.data is None:
        return Item(mapping, change, change.id, gone=True)
    key = mapping.key(change.data)
    gone = mapping.deleted(change.data)
    digest = blake2b(raw, digest_size=16, key=mapping.digest.encode()).digest()
    return Item(mapping, change, key, digest, gone=gone)


def is_news(item: Item, known: Known, *, again: bool) -> bool:
    """Whether anything must be done: not for what we have, or what is older than that."""
    link, change = item.link, item.change
    if known.dead and not again and known.dead == _fate(change, item.mapping):
        return False
    if link is None:
        return not item.gone
    if change.version and link.version and change.version < link.version:
        return False
    if item.gone:
        return not link.deleted
    return again or link.deleted or item.digest != link.digest or bool(known.dead)


def open_up(item: Item) -> bool:
    """Map the record; False if the mapping's `when` leaves it out. Raises `RecordFailed`."""
    assert item.change.data is not None
    if not item.mapping.applies(item.change.data):
        return False
    item.values = item.mapping.inward(item.change.data)
    if item.mapping.child_entities:
        item.children = item.mapping.children(item.change.data)
    return True


def buried(
    connection: str, change: Change, mapping: FieldMapping, error: RecordFailed
) -> DeadRecord:
    """The dead letter of a record that could not be read."""
    faults = [
        {
            "place": fault.place, "field": fault.field, "expression": fault.expression,
            "value": fault.value, "reason": fault.reason,
        }
        for fault in error.faults
    ]  # fmt: skip
    return DeadRecord(
        connection, change.stream, storable(change.id), change.version,
        f"{mapping.name}@{mapping.digest}", change.data, faults, str(error),
    )  # fmt: skip


def _fate(change: Change, mapping: FieldMapping) -> str:
    return f"{change.version}@{mapping.name}@{mapping.digest}"


def canonical(data: Any) -> bytes:
    """The same bytes for the same JSON, whatever the order of its keys."""
    try:
        return orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # integers past 64 bits, lone surrogates
        return json.dumps(data, sort_keys=True, default=str).encode()


def storable(id: str) -> str:
    """An external id that any database can keep, for records too odd to be read."""
    return id.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")[:LONGEST_ID]
