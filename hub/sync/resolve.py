"""Which record of ours is meant: by link, by stamp, by match rule; and whom references mean.

One statement per page, whatever is in it; one more for a match rule that reads a reference, which
must be known before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hub.mapping import MatchRule, Ref
from hub.shape import Shape
from hub.store import entities, links, sets
from hub.store.bulk import encoder
from hub.store.database import Transaction
from hub.store.matches import Match
from hub.store.pending import Pending
from hub.store.sys_ids import new_sys_ids
from hub.sync.reading import Item

SYS_ID = re.compile(r"[0-9A-Za-z_-]{1,32}")

Waiting = tuple[Item, str, Ref]
"""A field of an item that refers to a record which is not here yet."""


def resolve(
    tx: Transaction, connection: str, items: Sequence[Item]
) -> tuple[list[Waiting], list[Match]]:
    """Say which record each item is and whom its references mean.

    Returns the fields that must wait, and what the match rules found. A record of this very page
    can be referred to as well: it is known by its new sys_id. First hit wins: the stamp, then the
    match rules in their order. A rule that finds several records decides nothing, a person does;
    and a record that has a link to this stream is not up for adoption, nor one that a person has
    rejected.
    """
    _assign(items)
    groups = [Matches(tx, n, those) for n, those in enumerate(_fresh(items)) if _rules(those[0])]
    early = [group for group in groups if not group.reads_references]
    wanted = _wanted(items)
    found = _ask(tx, connection, wanted, early)
    waiting = _refer(items, wanted, found) if wanted else []
    late = [group for group in groups if group.reads_references]
    _ask(tx, connection, set(), late)
    noted: list[Match] = []
    for group in groups:
        _rename(items, group.adopt())
        noted += group.noted(connection)
    return waiting, noted


def _fresh(items: Sequence[Item]) -> list[list[Item]]:
    """The items that have no link, by mapping."""
    groups: dict[int, list[Item]] = {}
    for item in items:
        if item.fresh:
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
    tx: Transaction, connection: str, wanted: set[tuple[str, str]], groups: Sequence[Matches]
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
            by_name[name].hit((int(first), int(second)), sys_id, linked=third is not None)
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
    """The record in the column's table, or the only one: contacts are users as well."""
    if table in candidates:
        return candidates[table]
    return next(iter(candidates.values())) if len(candidates) == 1 else None


STAMP = MatchRule(("sys_id",))
MOST_PROPOSED = 5
"""Records that one is proposed to be: what many records share tells nothing."""


def _rules(item: Item) -> list[MatchRule]:
    return ([STAMP] if item.mapping.stamp else []) + list(item.mapping.match)


class Matches:
    """The fresh items of one mapping, and the records of ours that its rules find for them.

    `hits` has sys_ids by (number of the rule, position of the item); those in `shared` were hit by
    somebody as well whom their system knows as another one: a mailbox of several people.
    """

    def __init__(self, tx: Transaction, number: int, fresh: Sequence[Item]) -> None:
        self.name, self.fresh, self.rules = f"m{number}", fresh, _rules(fresh[0])
        self.table, self.stream = fresh[0].mapping.table, fresh[0].mapping.stream
        self.columns = fresh[0].layout.entity.table.c
        self.dialect = tx.dialect
        self.hits: dict[tuple[int, int], list[str]] = {}
        self.shared: set[tuple[int, int]] = set()
        self.adopted: dict[int, int] = {}  # positions, and the number of the rule that did it
        read = {field for rule in self.rules for field in rule.fields}
        self.reads_references = any(
            isinstance(item.value(field), Ref) for item in fresh for field in read
        )

    def selects(self) -> list[str]:
        """One SELECT per rule: (name, rule, position, linked or null, sys_id)."""
        return [self._select(number, rule) for number, rule in enumerate(self.rules)]

    def parameters(self) -> dict[str, str]:
        """What those selects need."""
        packed = {f"{self.name}_stream": self.stream}
        for number, rule in enumerate(self.rules):
            those = [self._match_values(item, rule) for item in self.fresh]
            rows = [
                [at, self.fresh[at].key, *values]
                for at, values in enumerate(those)
                if None not in values
            ]
            packed[f"{self.name}_{number}"] = sets.packed(rows)
        return packed

    def hit(self, at: tuple[int, int], sys_id: str, *, linked: bool) -> None:
        """A rule has found this record; `linked`: in this stream, so it is somebody else's."""
        if linked:
            self.shared.add(at)
        else:
            self.hits.setdefault(at, []).append(sys_id)

    def adopt(self) -> dict[str, str]:
        """Make the items those records; the sys_ids given up, each with the one that stays."""
        self._drop_what_may_not_match()
        renamed: dict[str, str] = {}
        taken: set[str] = set()
        for position, item in enumerate(self.fresh) if self.hits else ():
            for number, rule in enumerate(self.rules):
                at = (number, position)
                found = self.hits.get(at, [])
                sure = len(found) == 1 and at not in self.shared and not rule.ask
                if sure and found[0] not in taken:
                    renamed[item.sys_id] = found[0]
                    taken.add(found[0])
                    item.sys_id, item.fresh = found[0], False
                    self.adopted[position] = number
                    break
        return renamed

    def _drop_what_may_not_match(self) -> None:
        """The conditions of rules are looked at for hits only: that takes the whole record."""
        stamped = len(self.rules) - len(self.fresh[0].mapping.match)
        for number, position in list(self.hits):
            if self.rules[number].when is not None:
                item = self.fresh[position]
                record = sets.from_json_text(item.record.raw or b"null")
                if not item.mapping.may_match(number - stamped, record):
                    del self.hits[number, position]

    def noted(self, connection: str) -> list[Match]:
        """What was adopted by a rule, and what a person must look at: a rule that found several.

        Our own stamp in their record is no guess: it is not noted.
        """
        found = []
        for (number, position), sys_ids in self.hits.items():
            rule, item = self.rules[number], self.fresh[position]
            adopted = self.adopted.get(position)
            if rule == STAMP or (adopted is not None and adopted != number):
                continue
            state = "waiting" if adopted is None else "adopted"
            found += [
                Match(
                    connection,
                    self.stream,
                    item.key,
                    self.table,
                    sys_id,
                    ", ".join(rule.fields),
                    state,
                )
                for sys_id in sorted(sys_ids)[:MOST_PROPOSED]
            ]
        return found

    def _select(self, number: int, rule: MatchRule) -> str:
        columns = [f"m{i}" for i in range(len(rule.fields))]
        same = " AND ".join(
            f"{_column(field)} = {self._typed(field, column)}"
            for field, column in zip(rule.fields, columns, strict=True)
        )
        keys = f"{self.name}_{number}"
        those = sets.each(keys, ["position", "external", *columns], f'"{self.table}" t', same)
        return (
            f"SELECT '{self.name}', '{number}', CAST(k.position AS VARCHAR), "  # noqa: S608
            "CAST((SELECT 'linked' WHERE EXISTS (SELECT 1 FROM hub_external_ref l "
            f"WHERE l.table_name = '{self.table}' AND l.sys_id = t.sys_id "
            f"AND l.connection = :connection AND l.stream = :{self.name}_stream "
            f"AND l.deleted_at IS NULL)) AS VARCHAR), t.sys_id FROM {those} "
            "AND NOT EXISTS (SELECT 1 FROM hub_match m WHERE m.connection = :connection "
            f"AND m.stream = :{self.name}_stream AND m.external_id = k.external "
            f"AND m.table_name = '{self.table}' AND m.candidate = t.sys_id "
            "AND m.state = 'rejected')"
        )

    def _typed(self, field: str, column: str) -> str:
        """What a column of ours is compared with, where sets hold nothing but text."""
        if self.dialect.name == "sqlite" or field not in self.columns:
            return f"k.{column}"
        return f"CAST(k.{column} AS {self.columns[field].type.compile(self.dialect)})"

    def _match_values(self, item: Item, rule: MatchRule) -> list[Any]:
        """What the record's fields must be, as the database keeps it; None for nothing."""
        if rule == STAMP:
            return [stamped(item)]
        return [self._encoded(field, item.value(field)) for field in rule.fields]

    def _encoded(self, field: str, value: Any) -> Any:
        if value is None or value == "":
            return None
        if field not in self.columns:
            return value
        encode = encoder(self.columns[field].type, self.dialect)
        kept = encode(value) if encode else value
        return kept if isinstance(kept, str | int | float) else str(kept)


def _rename(items: Iterable[Item], renamed: Mapping[str, str]) -> None:
    """Let references within the page follow a record that turned out to be ours already."""
    for item in items if renamed else ():
        for at in item.layout.references if item.row else ():
            if item.row[at] in renamed:
                item.row = (*item.row[:at], renamed[item.row[at]], *item.row[at + 1 :])


def stamped(item: Item) -> str | None:
    """Our sys_id that their record carries, if it does."""
    steps = item.mapping.stamp.split(".")
    raw = item.record.raw or b""
    if steps[-1].encode() not in bytes(raw):
        return None
    value: Any = sets.from_json_text(raw)
    for step in steps:
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, str) and SYS_ID.fullmatch(value) else None


def _column(field: str) -> str:
    return f"t.hub_custom ->> '{field}'" if field.startswith("u_") else f't."{field}"'


def _assign(items: Sequence[Item]) -> None:
    """Name every record: the linked one, or a new one until a match is found."""
    fresh = [item for item in items if item.link is None or not item.link.sys_id]
    for item, sys_id in zip(fresh, new_sys_ids(len(fresh)), strict=True):
        item.sys_id, item.fresh = sys_id, True
    for item in items if len(fresh) < len(items) else ():
        if not item.fresh and item.link is not None:
            item.sys_id = item.link.sys_id
