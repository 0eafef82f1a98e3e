"""New records of a page, created as columns: what `amend` does record by record, for many at once.

Of a first load nearly every record is one of these. Nothing of them is read, merged or compared;
what the rules derive is asked once for each kind of record (all that are open, all that are
closed and of high urgency, ...), and everything is written as columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub import queue
from hub.mapping import ABSENT
from hub.service import rules
from hub.spoke import Writes
from hub.store import audit, bulk, journal, links, numbers
from hub.store.bulk import Always, Same
from hub.store.database import Transaction
from hub.store.journal import JOURNALS, Note
from hub.sync.connection import Connection, Connections
from hub.sync.jobs import Push, request
from hub.sync.reading import Item, Layout
from hub.sync.records import audience, flows, seeking
from hub.sync.records.amend import Origin, note_of
from hub.sync.records.merge import plain


def groups(items: Sequence[Item]) -> list[list[Item]]:
    """The items by mapping if `create` can take them all; none if it cannot.

    All or none, because a page that both creates and changes would cost more statements.
    """
    found: dict[str, list[Item]] = {}
    for item in items:
        if not item.fresh or item.link is not None or item.gone or not _is_simple(item.layout):
            return []
        found.setdefault(item.layout.mapping.table, []).append(item)
    for those in found.values():
        one_document = all(item.layout is those[0].layout for item in those)
        if not one_document or len({item.key for item in those}) < len(those):
            return []  # two of them say that they are the same record
    return list(found.values())


def _is_simple(layout: Layout) -> bool:
    """Whether it is nothing but one row: no lines or entries of its own, no number of theirs."""
    return not layout.mapping.child_entities and "number" not in layout.positions


@dataclass(frozen=True, slots=True)
class Births:
    """Creates the records of one page of a connection's stream."""

    tx: Transaction
    connections: Connections
    connection: Connection
    stream: str
    origin: Origin
    now: datetime
    change_set: str

    def create(self, items: Sequence[Item]) -> list[queue.Request]:
        """Create the records of one mapping's items; what has to be pushed to others, or looked at."""
        layout = items[0].layout
        said = _columns(items, layout)
        said |= _derived(layout, said, len(items), self.now)
        sys_ids = [item.sys_id for item in items]
        bulk.insert(self.tx, layout.entity.table, self._rows(layout, said, sys_ids), len(items))
        self._link(items, layout, said, sys_ids)
        audit.births(
            self.tx, layout.mapping.table, sys_ids, [item.key for item in items],
            user=self.origin.user, source=self.origin.connection, place=layout.mapping.file,
            change_set=self.change_set, job=self.origin.job, at=self.now,
        )  # fmt: skip
        notes = list(self._notes(items, layout, said))
        journal.append(self.tx, notes)
        woken = seeking.after_births(
            self.tx, self.connections, self.origin.connection, layout.mapping.table, said,
            (item.key for item in items),
        )  # fmt: skip
        told_on = audience.after_notes(self.connections, notes)
        looked_at = flows.after_births(
            self.connections, self.origin, layout.mapping.table, sys_ids, now=self.now
        )
        return [*self._pushes(layout, said, sys_ids), *told_on, *woken, *looked_at]

    def _rows(
        self, layout: Layout, said: Mapping[str, Sequence[Any]], sys_ids: Sequence[str]
    ) -> dict[str, Any]:
        """The columns of the entity's table, with all that nobody has said."""
        entity, table = layout.entity, layout.entity.table.c
        columns: dict[str, Any] = {name: _default(value) for name, value in entity.defaults.items()}
        columns |= {
            "sys_created_on": Same(self.now),
            "sys_created_by": Same(self.origin.user),
            "sys_updated_on": Same(self.now),
            "sys_updated_by": Same(self.origin.user),
            "sys_mod_count": Always(0),
            "sys_id": sys_ids,
        }
        for name, column in said.items():
            if name in table:
                default = entity.defaults.get(name)
                columns[name] = _filled(column, default)
        if custom := [name for name in said if name.startswith("u_")]:
            columns["hub_custom"] = _custom(custom, [said[name] for name in custom])
        if entity.prefix:
            first = numbers.allocate(self.tx, {entity.prefix: len(sys_ids)})[entity.prefix]
            columns["number"] = [
                numbers.format_number(entity.prefix, n, entity.digits)
                for n in range(first, first + len(sys_ids))
            ]
        return columns

    def _link(
        self, items: Sequence[Item], layout: Layout, said: Mapping[str, Sequence[Any]],
        sys_ids: Sequence[str],
    ) -> None:  # fmt: skip
        mapping = layout.mapping
        links.create(
            self.tx, self.connection.name, self.stream, mapping.table,
            mapping_digest=mapping.digest,
            external_ids=[item.key for item in items],
            sys_ids=sys_ids,
            versions=[item.record.version for item in items],
            digests=[item.record.digest for item in items],
            bases=self._bases(layout, said, len(items)),
            now=self.now.timestamp(),
        )  # fmt: skip

    def _bases(
        self, layout: Layout, said: Mapping[str, Sequence[Any]], count: int
    ) -> list[Mapping[str, Any] | None] | None:
        """What both sides agree on from now on, of the fields that go both ways."""
        mapping = layout.mapping
        if not isinstance(self.connection.spoke, Writes):
            return None
        both = sorted(mapping.writes & mapping.reads)
        untold = flows.untold(mapping) if self.connection.ours else {}
        if not both and not untold:
            return None
        defaults = layout.entity.defaults
        columns = [_plainly(_filled(said[name], defaults.get(name))) for name in both]
        rows = zip(*columns, strict=True) if both else [()] * count
        return [untold | dict(zip(both, row, strict=True)) for row in rows]

    def _notes(
        self, items: Sequence[Item], layout: Layout, said: Mapping[str, Sequence[Any]]
    ) -> Iterable[Note]:
        for name in (name for name in JOURNALS if name in said):
            for item, text in zip(items, said[name], strict=True):
                if text is not ABSENT and text:
                    yield note_of(
                        layout.mapping.table, item.sys_id, name, text, self.origin, self.now,
                        reported=True,
                    )  # fmt: skip

    def _pushes(
        self, layout: Layout, said: Mapping[str, Sequence[Any]], sys_ids: Sequence[str]
    ) -> list[queue.Request]:
        table, pushes = layout.mapping.table, []
        for connection, stream, mapping in self.connections.outlets(table):
            if connection != self.origin.connection:
                shown = [said[name] for name in mapping.writes if name in said]
                pushes += [
                    request(Push(connection, stream, table, sys_id))
                    for sys_id, *values in zip(sys_ids, *shown, strict=True)
                    if any(value is not None and value is not ABSENT for value in values)
                ]
        return pushes


def _default(value: Any) -> Same | Always:
    return Always(value) if isinstance(value, str | int) else Same(value)


def _columns(items: Sequence[Item], layout: Layout) -> dict[str, Sequence[Any]]:
    columns = zip(*[item.row for item in items], strict=True)
    return dict(zip(layout.columns, columns, strict=True))


def _filled(column: Sequence[Any], default: Any) -> Sequence[Any]:
    """A column with what a new row has where they say nothing."""
    if ABSENT not in column:
        return column
    return [default if value is ABSENT else value for value in column]


def _plainly(column: Sequence[Any]) -> list[Any]:
    return [value if value.__class__ is str else plain(value) for value in column]


def _custom(names: Sequence[str], columns: Sequence[Sequence[Any]]) -> list[dict[str, Any] | None]:
    """Each row's own fields; None where nothing is said of any."""
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    if not any(ABSENT in column for column in columns):
        return list(rows)
    told = [{name: v for name, v in row.items() if v is not ABSENT} for row in rows]
    return [row or None for row in told]


def _derived(
    layout: Layout, said: Mapping[str, Sequence[Any]], count: int, now: datetime
) -> dict[str, Sequence[Any]]:
    """The columns that the rules add or change, asked once per kind of record."""
    entity = layout.entity
    read = [name for name in rules.READ_AT_BIRTH if name in said]
    kinds: list[tuple[Any, ...]] = (
        list(zip(*(_kinds(name, said[name]) for name in read), strict=True))
        if read
        else [()] * count
    )
    blank = {name: entity.blank.get(name) for name in rules.READ_AT_BIRTH}
    derived: dict[tuple[Any, ...], dict[str, Any]] = {}
    for kind in set(kinds):
        told = {name: value for name, value in zip(read, kind, strict=True) if value is not ABSENT}
        given = {name for name in said if name not in read} | told.keys()
        derived[kind] = rules.derive(entity.name, None, blank | told, given, now=now, reported=True)
    return {
        name: _overlaid(said.get(name), name, kinds, derived, entity.blank.get(name))
        for name in sorted({name for values in derived.values() for name in values})
    }


def _kinds(name: str, column: Sequence[Any]) -> Sequence[Any]:
    """A column as the rules look at it: of a moment, whether it is there."""
    if not name.endswith("_at"):
        return column
    return [value if value is ABSENT or value is None else True for value in column]


def _overlaid(
    said: Sequence[Any] | None, name: str, kinds: Sequence[tuple[Any, ...]],
    derived: Mapping[tuple[Any, ...], Mapping[str, Any]], default: Any,
) -> list[Any]:  # fmt: skip
    by_kind = {kind: values.get(name, ABSENT) for kind, values in derived.items()}
    mine = said if said is not None else [default] * len(kinds)
    return [
        value if (found := by_kind[kind]) is ABSENT else found
        for kind, value in zip(kinds, mine, strict=True)
    ]
