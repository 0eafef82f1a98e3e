"""Read what a page tells with its mappings: the part that needs no database.

What comes out is one `Item` per record and mapping, or a dead letter with every fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import blake2b, sha256
from typing import Any

from hub.errors import Permanent, Transient
from hub.mapping import ABSENT, Head, Raw, RecordFailed
from hub.mapping import Mapping as FieldMapping
from hub.service.gone import GONE
from hub.spoke import Change, Page
from hub.store import entities, sets
from hub.store.dead import DeadRecord
from hub.store.entities import Entity
from hub.store.links import Letter, Link

LONGEST_ID = 255
LONGEST_VERSION = 80

Row = tuple[Any, ...]


@dataclass(slots=True)
class Record:
    """One external record as it is now, unread.

    `raw` is its JSON, None once it is deleted; `digest` is of `raw`. `head` is what the stream's
    first mapping says of it, where it has been asked.
    """

    id: str
    version: str
    raw: Raw | None
    digest: bytes = b""
    head: Head | RecordFailed | None = None


@dataclass(slots=True)
class Item:
    """One record as one mapping reads it. `sys_id` is set once we know which record of ours it is.

    `row` has the values of `layout.columns`, once it is mapped; `fault` says why the mapping
    cannot read so much as its key.
    """

    layout: Layout
    record: Record
    key: str
    gone: bool = False
    fault: RecordFailed | None = None
    link: Link | None = None
    row: Row = ()
    children: Mapping[str, Sequence[Any]] = field(default_factory=dict[str, Any])
    sys_id: str = ""
    fresh: bool = False

    @property
    def mapping(self) -> FieldMapping:
        return self.layout.mapping

    @property
    def restored(self) -> bool:
        """Whether a record of ours was deleted out there, and is back."""
        link = self.link
        return link is not None and link.deleted and link.sys_id != "" and not self.gone

    @property
    def unseen(self) -> bool:
        """Whether it is gone before we have heard that it was there."""
        return self.gone and (self.link is None or not self.link.sys_id)

    def value(self, column: str) -> Any:
        """What they say of a field of ours; None for nothing."""
        at = self.layout.positions.get(column)
        value = self.row[at] if at is not None and self.row else None
        return None if value is ABSENT else value

    def values(self) -> dict[str, Any]:
        """All that they say."""
        columns = zip(self.layout.columns, self.row, strict=True) if self.row else ()
        return {name: value for name, value in columns if value is not ABSENT}


@dataclass(frozen=True, slots=True)
class Layout:
    """A mapping, and where each field of ours is in the rows that it gives."""

    mapping: FieldMapping
    entity: Entity
    columns: tuple[str, ...]
    positions: Mapping[str, int]
    references: tuple[int, ...]  # where references to other records may be
    never_null: tuple[int, ...]
    fate: str  # what a record dies of that this cannot read
    gone: Mapping[str, Any]  # what ours says once theirs is deleted


@lru_cache(maxsize=1024)
def layout_of(mapping: FieldMapping) -> Layout:
    """Made once per mapping."""
    entity, columns = entities.find(mapping.to), entities.find(mapping.to).table.c
    texts = {rule.field.name: rule.text for rule in mapping.declaration.rules}
    return Layout(
        mapping,
        entity,
        mapping.columns,
        {name: at for at, name in enumerate(mapping.columns)},
        tuple(
            at
            for at, name in enumerate(mapping.columns)
            if "ref" in texts[name]  # no other expression makes one
        ),
        tuple(
            at
            for at, name in enumerate(mapping.columns)
            if name in columns and not columns[name].nullable
        ),
        f"{mapping.name}@{mapping.digest}.{_form(entity)}",
        mapping.on_delete or (GONE.get(entity.name, {}) if mapping.marks_deletions else {}),
    )


def fate(mapping: FieldMapping) -> str:
    """The mapping's name and digest, with that of the entity that it maps to.

    A release that gives the entity another form may read what could not be read before.
    """
    return layout_of(mapping).fate


def _form(entity: Entity) -> str:
    """A digest of what the entity's fields hold."""
    fields = sorted((name, repr(field)) for name, field in entity.shape.fields.items())
    return sha256(repr(fields).encode()).hexdigest()[:8]


def records_of(changes: Iterable[Change]) -> list[Record]:
    """The records that changes tell of."""
    return [
        digested(Record(change.id, change.version, None))
        if change.data is None
        else digested(Record(change.id, change.version, sets.as_json(change.data)))
        for change in changes
    ]


def records_in(page: Page, stream: str, mapping: FieldMapping) -> list[Record]:
    """A page's records; of a body, the mapping says each one's id.

    A record whose id cannot be read is called after its content. Raises `Transient` for a body
    that is no JSON, `Permanent` for one without a list of records.
    """
    if page.body is None:
        return records_of(page.changes)
    try:
        raws, heads = mapping.open(page.body, page.at)
    except ValueError as error:
        raise Transient(f"{stream}: the page's body is not JSON: {error}") from error
    except LookupError as error:
        raise Permanent(
            f"{stream}: no list of records at {page.at!r} in the page's body: {error}"
        ) from error
    return [_headed(raw, head) for raw, head in zip(raws, heads, strict=True)]


def _headed(raw: Raw, head: Head | RecordFailed) -> Record:
    digest = sha256(raw).digest()[:16]
    if isinstance(head, RecordFailed):
        if bytes(raw) == b"null":  # a list with a hole
            return Record("", "", None)
        return Record(f"?{digest.hex()}", "", bytes(raw), digest, head)
    return Record(head.key, head.version, raw, digest, head)


def digested(record: Record) -> Record:
    """The same record, with the digest of its JSON."""
    if record.raw is not None:
        record.digest = sha256(record.raw).digest()[:16]
    return record


def newest(records: Sequence[Record]) -> list[Record]:
    """Of several changes of one record in a page, the newest; of equals, the last.

    Their ids and versions are such as a database can keep.
    """
    for record in records if not _all_plain(records) else ():
        if not (_plain(record.id) and _plain(record.version)):
            record.id = storable(record.id)
            record.version = storable(record.version, LONGEST_VERSION)
    kept: dict[str, Record] = {record.id: record for record in records}
    if len(kept) < len(records):
        for record in records:
            if record.version > kept[record.id].version:
                kept[record.id] = record
    return list(kept.values())


def identify(records: Sequence[Record], mappings: Sequence[FieldMapping]) -> list[Item]:
    """Each record under each mapping, by its key there."""
    columns = [_identified(records, mapping, first=n == 0) for n, mapping in enumerate(mappings)]
    if len(columns) == 1:
        return columns[0]
    return [item for each in zip(*columns, strict=True) for item in each]


def _identified(records: Sequence[Record], mapping: FieldMapping, *, first: bool) -> list[Item]:
    unread = [r for r in records if r.raw is not None and not (first and r.head)]
    heads = iter(mapping.heads([r.raw for r in unread if r.raw is not None]))
    layout = layout_of(mapping)
    items = []
    for record in records:
        if record.raw is None:
            items.append(Item(layout, record, record.id, gone=True))
            continue
        head = record.head if first and record.head else next(heads)
        if isinstance(head, RecordFailed):
            items.append(Item(layout, record, record.id, fault=head))
        else:
            key = head.key if _plain(head.key) else storable(head.key)
            items.append(Item(layout, record, key, head.deleted))
    return items


def died_so(item: Item, letter: Letter | None) -> bool:
    """Whether the very same failed before under the very same mapping."""
    return (
        letter is not None
        and letter.version >= item.record.version
        and letter.mapping == item.layout.fate
        and letter.raw == item.record.raw
    )


def overtakes(item: Item, letter: Letter | None) -> bool:
    """Whether the record of a dead letter has moved on to this, be it to its end.

    Who says that it is gone and not since when has just looked.
    """
    version = item.record.version
    return letter is not None and (version >= letter.version or (item.gone and not version))


def is_news(item: Item, *, again: bool) -> bool:
    """Whether anything must be done: not for what we have, or what is older than that."""
    link, record = item.link, item.record
    if link is None:
        return bool(record.version) if item.gone else True
    version = record.version
    if version and link.version and version < link.version:
        return False
    if item.fault is not None:
        return True
    moved = version > link.version
    if item.gone:
        return moved or not link.deleted
    same = record.digest == link.digest and item.mapping.digest == link.mapping_digest
    return again or link.deleted or moved or not same


def open_up(items: Iterable[Item]) -> tuple[list[Item], list[tuple[Item, RecordFailed]]]:
    """Map the items; those that their mapping could read and wants, and those it could not."""
    wanted, failed = [], []
    unread: dict[int, list[Item]] = {}
    for item in items:
        if item.fault is not None:
            failed.append((item, item.fault))
        else:
            wanted.append(item)
            if not item.gone:
                unread.setdefault(id(item.layout), []).append(item)
    left_out = set()
    for those in unread.values():
        for item, error in _mapped(those):
            left_out.add(id(item))
            if error is not None:
                failed.append((item, error))
    return [item for item in wanted if id(item) not in left_out] if left_out else wanted, failed


def _mapped(items: Sequence[Item]) -> list[tuple[Item, RecordFailed | None]]:
    """Give the items of one mapping their rows; those that have none, with why."""
    layout = items[0].layout
    without: list[tuple[Item, RecordFailed | None]] = []
    records = [item.record for item in items]
    heads = [record.head for record in records]
    rows = layout.mapping.rows([record.raw or b"" for record in records], heads)
    for item, row in zip(items, rows, strict=True):
        if row.__class__ is tuple:
            item.row = row
        else:
            without.append((item, row if isinstance(row, RecordFailed) else None))
    if layout.never_null:
        _leave_out_nulls(items, layout)
    if layout.mapping.child_entities:
        without += _with_children(items)
    return without


def _leave_out_nulls(items: Sequence[Item], layout: Layout) -> None:
    """Null for a column that is never empty says nothing."""
    for item in items:
        if item.row and any(item.row[at] is None for at in layout.never_null):
            row = list(item.row)
            for at in layout.never_null:
                row[at] = ABSENT if row[at] is None else row[at]
            item.row = tuple(row)


def _with_children(items: Sequence[Item]) -> list[tuple[Item, RecordFailed | None]]:
    failed: list[tuple[Item, RecordFailed | None]] = []
    for item in items:
        if item.row:
            try:
                item.children = item.mapping.children(sets.from_json_text(item.record.raw or b""))
            except RecordFailed as error:
                failed.append((item, error))
    return failed


def buried(connection: str, stream: str, item: Item, error: RecordFailed) -> DeadRecord:
    """The dead letter of a record that could not be read."""
    record = item.record
    faults = [
        {
            "place": fault.place, "field": fault.field, "expression": fault.expression,
            "value": fault.value, "reason": fault.reason,
        }
        for fault in error.faults
    ]  # fmt: skip
    return DeadRecord(
        connection, stream, record.id, record.version, item.layout.fate,
        bytes(record.raw or b"null"),
        faults, str(error),
    )  # fmt: skip


def together(one: DeadRecord | None, other: DeadRecord) -> DeadRecord:
    """One letter for a record that several mappings cannot read."""
    if one is None:
        return other
    error = f"{one.error}\n{other.error}"
    return replace(one, faults=[*one.faults, *other.faults], error=error)


def storable(text: str, longest: int = LONGEST_ID) -> str:
    """A text for an id that any database can keep, and no other has."""
    kept = text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")
    if len(kept) <= longest:
        return kept
    digest = blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()
    return f"{kept[: longest - len(digest) - 1]}~{digest}"


def _all_plain(records: Sequence[Record]) -> bool:
    """Whether all ids and versions are `_plain`."""
    texts = [record.id for record in records] + [record.version for record in records]
    together = "".join(texts)
    longest = max(map(len, texts), default=0)
    return together.isascii() and "\x00" not in together and longest <= LONGEST_VERSION


def _plain(text: str) -> bool:
    return text.isascii() and "\x00" not in text and len(text) <= LONGEST_VERSION
