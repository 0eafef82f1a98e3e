"""Read the changes of a page with their mappings: the part that needs no database.

What comes out is one `Item` per change and mapping, or a dead letter with every fault.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

import orjson

from hub.errors import Permanent, Transient
from hub.mapping import Mapping as FieldMapping
from hub.mapping import RecordFailed
from hub.spoke import Change, Page
from hub.store import sets
from hub.store.dead import DeadRecord
from hub.store.links import Letter, Link

LONGEST_ID = 255
LONGEST_VERSION = 80


@dataclass(slots=True)
class Item:
    """One change as one mapping reads it. `sys_id` is set once we know which record it is.

    `raw` is the record in JSON; `fault` says why the mapping cannot read so much as its key.
    """

    mapping: FieldMapping
    change: Change
    key: str
    raw: bytes = b""
    digest: bytes = b""
    link: Link | None = None
    values: dict[str, Any] = field(default_factory=dict[str, Any])
    children: Mapping[str, Sequence[Any]] = field(default_factory=dict[str, Any])
    sys_id: str = ""
    fresh: bool = False
    gone: bool = False
    fault: RecordFailed | None = None

    @property
    def restored(self) -> bool:
        """Whether a record of ours was deleted out there, and is back."""
        link = self.link
        return link is not None and link.deleted and link.sys_id != "" and not self.gone

    @property
    def unseen(self) -> bool:
        """Whether it is gone before we have heard that it was there."""
        return self.gone and (self.link is None or not self.link.sys_id)


def changes_of(page: Page, stream: str, mappings: Sequence[FieldMapping]) -> Iterable[Change]:
    """A page's changes; a body is opened, and the first mapping says each record's id.

    A record whose id cannot be read is called after its content. Raises `Transient` for a body
    that is no JSON, `Permanent` for one without a list of records.
    """
    if page.body is None:
        return page.changes
    records = _opened(page.body, stream)
    for step in page.at.split(".") if page.at else ():
        records = records.get(step) if isinstance(records, dict) else None
    if not isinstance(records, list):
        raise Permanent(f"{stream}: no list of records at {page.at!r} in the page's body")
    return [_told(stream, record, mappings[0]) for record in records]


def _opened(body: bytes, stream: str) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:  # it takes half a character, which then costs one record and not the page
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Transient(f"{stream}: the page's body is not JSON: {error}") from error


def _told(stream: str, record: Any, mapping: FieldMapping) -> Change:
    try:
        return Change(stream, mapping.key(record), record, mapping.version(record))
    except RecordFailed:
        digest = blake2b(sets.as_json(record), digest_size=16).hexdigest()
        return Change(stream, f"?{digest}", record)


def newest(changes: Iterable[Change]) -> list[Change]:
    """Of several changes of one record in a page, the newest; of equals, the last.

    Their ids and versions are such as a database can keep.
    """
    kept: dict[str, Change] = {}
    for told in changes:
        change = told
        if not (_plain(told.id) and _plain(told.version)):
            change = replace(told, id=storable(told.id), version=storable(told.version))
        other = kept.get(change.id)
        if other is None or change.version >= other.version:
            kept[change.id] = change
    return list(kept.values())


def identify(changes: Iterable[Change], mappings: Sequence[FieldMapping]) -> list[Item]:
    """Each change under each mapping, with its key and digest."""
    items = []
    for change in changes:
        raw = b"" if change.data is None else sets.as_json(change.data)
        items += [_identified(change, mapping, raw) for mapping in mappings]
    return items


def _identified(change: Change, mapping: FieldMapping, raw: bytes) -> Item:
    if change.data is None:
        return Item(mapping, change, change.id, gone=True)
    try:
        key, gone = mapping.key(change.data), mapping.deleted(change.data)
    except RecordFailed as error:
        return Item(mapping, change, change.id, raw, fault=error)
    digest = blake2b(raw, digest_size=16, key=mapping.digest.encode()).digest()
    return Item(mapping, change, storable(key), raw, digest, gone=gone)


def died_so(item: Item, letter: Letter | None) -> bool:
    """Whether the very same failed before under the very same mapping."""
    return letter is not None and letter.mapping == _fate(item.mapping) and letter.raw == item.raw


def overtakes(item: Item, letter: Letter | None) -> bool:
    """Whether the record of a dead letter has moved on to this."""
    return letter is not None and item.change.version >= letter.version


def is_news(item: Item, *, again: bool) -> bool:
    """Whether anything must be done: not for what we have, or what is older than that."""
    link, change = item.link, item.change
    if item.fault is not None:
        return True
    if link is None:
        return bool(change.version) if item.gone else True
    if change.version and link.version and change.version < link.version:
        return False
    moved = change.version > link.version
    if item.gone:
        return moved or not link.deleted
    return again or link.deleted or moved or item.digest != link.digest


def open_up(item: Item) -> bool:
    """Map the record; False if the mapping's `when` leaves it out. Raises `RecordFailed`."""
    if item.fault is not None:
        raise item.fault
    if item.gone:
        return True
    if not item.mapping.applies(item.change.data):
        return False
    item.values = item.mapping.inward(item.change.data)
    if item.mapping.child_entities:
        item.children = item.mapping.children(item.change.data)
    return True


def buried(connection: str, item: Item, error: RecordFailed) -> DeadRecord:
    """The dead letter of a record that could not be read."""
    change = item.change
    faults = [
        {
            "place": fault.place, "field": fault.field, "expression": fault.expression,
            "value": fault.value, "reason": fault.reason,
        }
        for fault in error.faults
    ]  # fmt: skip
    return DeadRecord(
        connection, change.stream, change.id, change.version, _fate(item.mapping), change.data,
        faults, str(error),
    )  # fmt: skip


def together(one: DeadRecord | None, other: DeadRecord) -> DeadRecord:
    """One letter for a record that several mappings cannot read."""
    if one is None:
        return other
    error = f"{one.error}\n{other.error}"
    return replace(one, faults=[*one.faults, *other.faults], error=error)


def _fate(mapping: FieldMapping) -> str:
    return f"{mapping.name}@{mapping.digest}"


def storable(text: str) -> str:
    """A text for an id that any database can keep, and no other has."""
    kept = text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")
    if len(kept) <= LONGEST_ID:
        return kept
    digest = blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()
    return f"{kept[: LONGEST_ID - len(digest) - 1]}~{digest}"


def _plain(text: str) -> bool:
    return text.isascii() and "\x00" not in text and len(text) <= LONGEST_VERSION
