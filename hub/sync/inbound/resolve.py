"""Which record of ours is meant: by link, by stamp, by match rule; and whom references mean.

One statement per page, whatever is in it; one more for a match rule that reads a reference, which
must be known before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.mapping import Ref
from hub.shape import Shape
from hub.store import entities, links, matches, sets
from hub.store.database import Transaction
from hub.store.matches import Match
from hub.store.pending import Pending
from hub.store.sys_ids import new_sys_ids
from hub.sync.inbound.candidates import Candidates, rules
from hub.sync.reading import Item

Waiting = tuple[Item, str, Ref]
"""A field of an item that refers to a record which is not here yet."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What is known of a page's items.

    `items` are those that are records of ours, or new ones. `waiting` are their fields that refer
    to records which are not here yet. `matches` is what the match rules found, `sought` what those
    that are left alone look by. `doubtful` have lost what made them one of ours.
    """

    items: list[Item]
    waiting: list[Waiting]
    matches: list[Match]
    sought: list[tuple[str, str]]
    doubtful: list[Item]


def resolve(
    tx: Transaction, connection: str, items: Sequence[Item], *, recheck: bool = False
) -> Resolved:
    """Say which record each item is and whom its references mean.

    A record of this very page can be referred to as well: it is known by its new sys_id.
    `recheck`: a mapping of theirs creates nothing, so that its links are asked for again.
    """
    _assign(items)
    asked = [those for those in _unsettled(items, recheck=recheck) if rules(those[0].mapping)]
    groups = [Candidates(tx, connection, n, those) for n, those in enumerate(asked)]
    matches.take_turn(tx, {group.mapping.table for group in groups})
    late = [group for group in groups if group.reads_references]
    early = [group for group in groups if group not in late]
    wanted = _wanted(items)
    found = _ask(tx, connection, wanted, early)
    waiting = _refer(items, wanted, found) if wanted else []
    _ask(tx, connection, set(), late)
    return _judged(items, waiting, groups)


def _judged(
    items: Sequence[Item], waiting: list[Waiting], groups: Sequence[Candidates]
) -> Resolved:
    noted, sought, alone = list[Match](), list[tuple[str, str]](), set[int]()
    out: dict[int, Item] = {}
    for group in groups:
        group.judge()
        _rename(items, group.adopt())
        noted += group.noted()
        sought += group.sought()
        for item, candidates in group.doubtful():
            noted += candidates
            out[id(item)] = item
        if not group.mapping.creates:
            alone |= {id(item) for item in group.items if item.fresh}
    if not (alone or out):
        return Resolved(list(items), waiting, noted, sought, [])
    left = alone | out.keys()
    return Resolved(
        [item for item in items if id(item) not in left],
        [each for each in waiting if id(each[0]) not in left],
        noted, sought, list(out.values()),
    )  # fmt: skip


def _unsettled(items: Sequence[Item], *, recheck: bool) -> list[list[Item]]:
    """The items of which rules must say which record they are, by mapping."""
    groups: dict[int, list[Item]] = {}
    for item in items:
        if item.fresh or (recheck and not item.mapping.creates and not item.gone):
            groups.setdefault(id(item.layout), []).append(item)
    return list(groups.values())


def _wanted(items: Sequence[Item]) -> set[tuple[str, str]]:
    """(stream, external id) of all that these items refer to."""
    wanted: set[tuple[str, str]] = set()
    for item in items:
        row = item.row
        for at in item.layout.references if row else ():
            value = row[at]
            if value.__class__ is Ref:
                wanted.add((value.stream, value.id))
        for children in item.children.values() if item.children else ():
            for child in children:
                refs = (value for value in child.values.values() if isinstance(value, Ref))
                wanted.update((ref.stream, ref.id) for ref in refs)
    return wanted


def _ask(
    tx: Transaction, connection: str, wanted: set[tuple[str, str]], groups: Sequence[Candidates]
) -> dict[tuple[str, str], dict[str, str]]:
    """sys_ids by table for each wanted (stream, external id); hits go to their groups."""
    selects, parameters = [], {"connection": connection}
    if wanted:
        selects.append(f"SELECT '', t.* FROM ({links.TARGETS}) t")  # noqa: S608 -- ours
        parameters["keys"] = sets.packed(sorted(wanted))
    for group in groups:
        selects += group.selects()
        parameters |= group.parameters()
    found: dict[tuple[str, str], dict[str, str]] = {}
    if not selects:
        return found
    by_name = {group.name: group for group in groups}
    rows = sets.select(tx, " UNION ALL ".join(selects), **parameters)
    for name, first, second, third, sys_id in rows:
        if name:
            by_name[name].hit(first, second, third, sys_id)
        else:
            found.setdefault((first, second), {})[third] = sys_id
    return found


def _refer(
    items: Sequence[Item],
    wanted: set[tuple[str, str]],
    found: dict[tuple[str, str], dict[str, str]],
) -> list[Waiting]:
    """Put sys_ids in place of all references; those that are not here yet are returned."""
    for item in items:
        mine = (item.layout.mapping.stream, item.key)
        if mine in wanted and not item.gone:
            found.setdefault(mine, {}).setdefault(item.layout.mapping.table, item.sys_id)
    waiting: list[Waiting] = []
    for item in items:
        if item.row:
            waiting += _refer_row(item, found)
        for name, entity in item.mapping.child_entities.items() if item.children else ():
            if entity != "journal":
                shape = entities.find(entity).shape
                for child in item.children.get(name, ()):
                    _put_in_place(child.values, shape, found)
    return waiting


def _refer_row(item: Item, found: Mapping[tuple[str, str], Mapping[str, str]]) -> list[Waiting]:
    """Replace the references of one row."""
    layout, late, replaced = item.layout, [], None
    for at in layout.references:
        value = item.row[at]
        if value.__class__ is Ref:
            name = layout.columns[at]
            candidates = found.get((value.stream, value.id), _NOBODY)
            sys_id = pick(candidates, layout.entity.shape.fields[name].reference)
            if sys_id is None and value.on_missing != "null":
                late.append((item, name, value))
            replaced = replaced or list(item.row)
            replaced[at] = sys_id
    if replaced:
        item.row = tuple(replaced)
    return late


_NOBODY: Mapping[str, str] = {}


def pending(connection: str, waiting: Iterable[Waiting]) -> list[Pending]:
    """What the store must remember of the fields that wait."""
    return [
        Pending(
            item.mapping.table, item.sys_id, field, connection, ref.stream, ref.id,
            item.mapping.place(field),
        )
        for item, field, ref in waiting
    ]  # fmt: skip


def _put_in_place(
    values: dict[str, Any], shape: Shape, found: Mapping[tuple[str, str], Mapping[str, str]]
) -> None:
    """Replace each reference of a child."""
    for field, value in values.items():
        if isinstance(value, Ref):
            candidates = found.get((value.stream, value.id), _NOBODY)
            values[field] = pick(candidates, shape.fields[field].reference)


def pick(candidates: Mapping[str, str], table: str) -> str | None:
    """The record in the column's table, or in one that inherits from it: contacts are users as well."""
    if table in candidates:
        return candidates[table]
    if table in OURS:
        return candidates.get(HEIRS.get(table, ""))
    return next(iter(candidates.values())) if len(candidates) == 1 else None


OURS = frozenset(entity.table.name for entity in entities.ALL)
"""A reference may be to a table that is only inherited from: a case's parent is a `task`."""
HEIRS = {"sys_user": "customer_contact"}


def _rename(items: Iterable[Item], renamed: Mapping[str, str | None]) -> None:
    """Let references within the page follow a record that turned out to be ours already, or none."""
    for item in items if renamed else ():
        for at in item.layout.references if item.row else ():
            if item.row[at] in renamed:
                item.row = (*item.row[:at], renamed[item.row[at]], *item.row[at + 1 :])


def _assign(items: Sequence[Item]) -> None:
    """Name every record: the linked one, or a new one until a match is found."""
    fresh = [item for item in items if item.link is None or not item.link.sys_id]
    for item, sys_id in zip(fresh, new_sys_ids(len(fresh)), strict=True):
        item.sys_id, item.fresh = sys_id, True
    for item in items if len(fresh) < len(items) else ():
        if not item.fresh and item.link is not None:
            item.sys_id = item.link.sys_id
