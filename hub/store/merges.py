"""Two records that became one: who pointed at the one points at the other, until it is undone.

The record that goes leaves an image: its row, and everything that was pointed elsewhere. Lookups
by columns that have no index read whole tables: merging is done by people, one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import insert, select, text, update

from hub.store import entities, sets
from hub.store.database import Transaction
from hub.store.entities import Entity
from hub.store.system import merges

Pointers = dict[str, list[str]]
"""sys_ids of rows, by the `table.column` in which they point at a record."""


@dataclass(frozen=True, slots=True)
class Image:
    """What it takes to undo a merge. `filled`: what the survivor took over, by field."""

    row: Mapping[str, Any]
    pointers: Pointers
    links: list[list[str]]  # connection, stream, external id
    notes: list[str]  # sys_ids of journal entries and files
    filled: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Merge:
    """A merge as it is kept."""

    id: int
    table: str
    survivor: str
    victim: str
    image: Image
    undone: bool


def point(tx: Transaction, entity: Entity, old: str, new: str) -> Pointers:
    """Have every record that refers to `old` refer to `new`; which those were."""
    found: Pointers = {}
    for table, column, is_list in _columns(entity):
        rows = _in_list(tx, table, column, old) if is_list else _equal(tx, table, column, old)
        if rows:
            found[f"{table}.{column}"] = rows
            _replace(tx, table, column, rows, old, new, is_list=is_list)
    return found


def point_back(tx: Transaction, pointers: Pointers, old: str, new: str) -> None:
    """Have those of these rows that still refer to `old` refer to `new`."""
    for place, rows in pointers.items():
        table, _, column = place.partition(".")
        kind = entities.find(table).shape.fields[column].kind
        _replace(tx, table, column, rows, old, new, is_list=kind == "list")


def _columns(entity: Entity) -> Iterable[tuple[str, str, bool]]:
    """(table, column, whether it is a list) of everything that may refer to this entity."""
    for other in entities.ALL:
        for field in other.shape.fields.values():
            if field.reference == entity.table.name and field.kind in {"reference", "list"}:
                yield other.table.name, field.name, field.kind == "list"


def _equal(tx: Transaction, table: str, column: str, sys_id: str) -> list[str]:
    query = text(f'SELECT sys_id FROM "{table}" WHERE "{column}" = :id')  # noqa: S608 -- ours
    return list(tx.execute(query, {"id": sys_id}).scalars())


def _in_list(tx: Transaction, table: str, column: str, sys_id: str) -> list[str]:
    within = f"',' || \"{column}\" || ',' LIKE :id"
    query = text(f'SELECT sys_id FROM "{table}" WHERE {within}')  # noqa: S608 -- names are ours
    return list(tx.execute(query, {"id": f"%,{sys_id},%"}).scalars())


def _replace(
    tx: Transaction, table: str, column: str, rows: list[str], old: str, new: str, *, is_list: bool
) -> None:
    said = f'replace("{column}", :old, :new)' if is_list else ":new"
    still = f'"{column}" LIKE :pattern' if is_list else f'"{column}" = :old'
    those = f"SELECT k.id FROM {sets.values('keys', ('id',))} k"  # noqa: S608 -- names are ours
    statement = f'UPDATE "{table}" SET "{column}" = {said} WHERE {still} AND sys_id IN ({those})'  # noqa: S608
    given: dict[str, Any] = {"old": old, "new": new, "keys": sets.packed(rows)}
    sets.execute(tx, statement, **given, **({"pattern": f"%{old}%"} if is_list else {}))


_LINKS = text(
    "UPDATE hub_external_ref SET sys_id = :new WHERE table_name = :table AND sys_id = :old "
    "RETURNING connection, stream, external_id"
)
_LINK_BACK = text(
    "UPDATE hub_external_ref SET sys_id = :new WHERE table_name = :table AND sys_id = :old "
    "AND connection = :connection AND stream = :stream AND external_id = :external_id"
)
_ENCLOSED = (("sys_journal_field", "element_id"), ("sys_attachment", "table_sys_id"))
_NOTES = "UPDATE {0} SET {1} = :new WHERE {1} = :old RETURNING sys_id"
_NOTES_BACK = f"""
    UPDATE {{0}} SET {{1}} = :new
    WHERE {{1}} = :old AND sys_id IN (SELECT k.id FROM {sets.values("keys", ("id",))} k)
"""  # noqa: S608
_WAITING = text("DELETE FROM hub_pending_ref WHERE table_name = :table AND sys_id = :old")


def move_links(tx: Transaction, table: str, old: str, new: str) -> list[list[str]]:
    """What was linked to `old` is linked to `new`; which external records those were."""
    rows = tx.execute(_LINKS, {"table": table, "old": old, "new": new}).all()
    tx.execute(_WAITING, {"table": table, "old": old})
    return [list(row) for row in rows]


def move_links_back(
    tx: Transaction, table: str, links: Iterable[Iterable[str]], old: str, new: str
) -> None:
    """Those of these external records that are still linked to `old` are linked to `new`."""
    for connection, stream, external_id in links:
        tx.execute(
            _LINK_BACK,
            {
                "table": table, "old": old, "new": new,
                "connection": connection, "stream": stream, "external_id": external_id,
            },
        )  # fmt: skip


def move_notes(tx: Transaction, old: str, new: str) -> list[str]:
    """Journal entries and files of `old` belong to `new`; which those were."""
    given = {"old": old, "new": new}
    return [
        sys_id
        for names in _ENCLOSED
        for sys_id in tx.execute(text(_NOTES.format(*names)), given).scalars()
    ]


def move_notes_back(tx: Transaction, notes: Iterable[str], old: str, new: str) -> None:
    keys = sets.packed(notes)
    for names in _ENCLOSED:
        sets.execute(tx, _NOTES_BACK.format(*names), old=old, new=new, keys=keys)


def remove(tx: Transaction, entity: Entity, sys_id: str) -> None:
    """Take a row out; its image remains."""
    tx.execute(entity.table.delete().where(entity.table.c.sys_id == sys_id))


def keep(
    tx: Transaction, entity: Entity, survivor: str, image: Image, *, by: str, now: float
) -> int:
    """Remember a merge; its number."""
    kept = {
        "row": _written(image.row), "pointers": image.pointers, "links": image.links,
        "notes": image.notes, "filled": _written(image.filled),
    }  # fmt: skip
    row = {
        "table_name": entity.table.name, "survivor": survivor, "victim": image.row["sys_id"],
        "image": kept, "merged_at": now, "merged_by": by,
    }  # fmt: skip
    return int(tx.execute(insert(merges).values(row).returning(merges.c.id)).scalar_one())


def find(tx: Transaction, number: int) -> Merge | None:
    """The merge of this number."""
    return _merge(tx.execute(select(merges).where(merges.c.id == number)).first())


def of_victim(tx: Transaction, sys_id: str) -> Merge | None:
    """The merge in which this record went, unless it is back."""
    gone = select(merges).where(merges.c.victim == sys_id, merges.c.undone_at.is_(None))
    return _merge(tx.execute(gone.order_by(merges.c.id.desc())).first())


def undone(tx: Transaction, number: int, *, by: str, now: float) -> None:
    """Remember that a merge was undone."""
    tx.execute(update(merges).where(merges.c.id == number).values(undone_at=now, undone_by=by))


def _merge(row: Any) -> Merge | None:
    if row is None:
        return None
    entity, kept = entities.find(row.table_name), row.image
    image = Image(
        _read(entity, kept["row"]), kept["pointers"], kept["links"], kept["notes"],
        _read(entity, kept["filled"]),
    )  # fmt: skip
    return Merge(row.id, row.table_name, row.survivor, row.victim, image, row.undone_at is not None)


def _written(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as JSON keeps them."""
    return {
        name: value.isoformat() if isinstance(value, datetime)
        else str(value) if isinstance(value, Decimal) else value
        for name, value in values.items()
    }  # fmt: skip


_KINDS: Mapping[str, Callable[[Any], Any]] = {"instant": datetime.fromisoformat, "money": Decimal}


def _read(entity: Entity, kept: Mapping[str, Any]) -> dict[str, Any]:
    """What `_written` wrote; a column that is newer than the image is as in a new row."""
    fields = entity.shape.fields
    known = {name: value for name, value in kept.items() if name in fields or name[:2] == "u_"}
    return {
        name: value
        if value is None or name not in fields or fields[name].kind not in _KINDS
        else _KINDS[fields[name].kind](value)
        for name, value in known.items()
    }
