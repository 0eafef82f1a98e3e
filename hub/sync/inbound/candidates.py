"""Records of ours that the match rules of a mapping find for external records.

First hit wins: the stamp, then the rules in their order. A rule that finds several records decides
nothing, a person does; and a record that has a link to this stream is not up for adoption, nor one
that a person has rejected. Of several records of which one is active, that one is meant.

A mapping that creates nothing has links by its rules alone. So they are asked again for a record
that has one: where they no longer know which it is, it is parted, and a person decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.mapping import Mapping as FieldMapping
from hub.mapping import MatchRule, Ref
from hub.store import seekers, sets
from hub.store.bulk import encoder
from hub.store.database import Transaction
from hub.store.matches import Match
from hub.sync.connection import place_of
from hub.sync.reading import Item
from hub.sync.stamps import stamped

STAMP = MatchRule(("sys_id",))
MOST_PROPOSED = 5
"""Records that one is proposed to be: what many records share tells nothing."""

At = tuple[int, int]
"""Number of the rule, position of the item."""


def rules(mapping: FieldMapping) -> list[MatchRule]:
    """What is tried for a record that has no link."""
    return ([STAMP] if mapping.stamp else []) + list(mapping.match)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of one item: it is that record (`sys_id`), or may be one of `maybe`."""

    sys_id: str = ""
    rule: int = -1
    maybe: tuple[tuple[int, str], ...] = ()  # the number of the rule, and what it found


@dataclass(slots=True, eq=False)
class Candidates:
    """The items of one mapping, and the records of ours that its rules find for them.

    `hits` says of each record found what stands against it: `linked` if it is another record of
    this stream, `inactive`; `accepted` is a person's word that it is this one.
    """

    tx: Transaction
    connection: str
    number: int
    items: Sequence[Item]
    rules: list[MatchRule] = field(init=False)
    hits: dict[At, dict[str, str | None]] = field(default_factory=dict[At, Any])
    verdicts: dict[int, Verdict] = field(default_factory=dict[int, Verdict])

    def __post_init__(self) -> None:
        self.rules = rules(self.mapping)

    @property
    def mapping(self) -> FieldMapping:
        return self.items[0].mapping

    @property
    def name(self) -> str:
        """What its rows are called in a statement."""
        return f"m{self.number}"

    @property
    def reads_references(self) -> bool:
        """Whether a rule compares references, which must be known before."""
        read = {name for rule in self.rules for name in rule.fields}
        return any(isinstance(item.value(name), Ref) for item in self.items for name in read)

    # -- asking

    def selects(self) -> list[str]:
        """One SELECT per rule: (name, rule, position, what stands against it, sys_id)."""
        return [self._select(number, rule) for number, rule in enumerate(self.rules)]

    def parameters(self) -> dict[str, str]:
        """What those selects need."""
        packed = {f"{self.name}_stream": self.mapping.stream}
        for number, rule in enumerate(self.rules):
            rows = [
                [at, item.key, *values, *known]
                for at, item in enumerate(self.items)
                if None not in (values := self._values(item, rule))
                for known in self._known_by(item, number)
            ]
            packed[f"{self.name}_{number}"] = sets.packed(rows)
        return packed

    def hit(self, rule: str, position: str, standing: str | None, sys_id: str) -> None:
        """A rule has found this record."""
        self.hits.setdefault((int(rule), int(position)), {})[sys_id] = standing

    def _select(self, number: int, rule: MatchRule) -> str:
        table, keys = self.mapping.table, f"{self.name}_{number}"
        columns = [f"m{i}" for i in range(len(rule.fields))]
        same = [
            f"{_column(name)} = {self._typed(name, column)}"
            for name, column in zip(rule.fields, columns, strict=True)
        ]
        if (through := rule.through) is not None:
            same.append(
                f't.sys_id IN (SELECT o."{through.person}" FROM "{through.shape.table}" o '  # noqa: S608
                f'WHERE o."{through.field}" = k.known)'
            )
            columns.append("known")
        those = sets.each(
            keys, ["position", "external", *columns], f'"{table}" t', " AND ".join(same)
        )
        return (
            f"SELECT '{self.name}', '{number}', CAST(k.position AS VARCHAR), "  # noqa: S608
            f"CAST({self._standing()} AS VARCHAR), t.sys_id FROM {those} "
            f"AND NOT EXISTS ({self._said('rejected')})"
        )

    def _standing(self) -> str:
        """What stands against a record that was found."""
        table, stream = self.mapping.table, f":{self.name}_stream"
        linked = (
            f"SELECT 1 FROM hub_external_ref l WHERE l.table_name = '{table}' "  # noqa: S608
            "AND l.sys_id = t.sys_id AND l.connection = :connection "
            f"AND l.stream = {stream} AND l.external_id <> k.external AND l.deleted_at IS NULL"
        )
        cases = (
            [] if self.mapping.creates else [f"EXISTS ({self._said('accepted')}) THEN 'accepted'"]
        )
        cases.append(f"EXISTS ({linked}) THEN 'linked'")
        if "active" in self._columns:
            cases.append("NOT t.active THEN 'inactive'")
        return f"CASE {' '.join(f'WHEN {case}' for case in cases)} END"

    def _said(self, state: str) -> str:
        """What a person has said of the two."""
        return (
            "SELECT 1 FROM hub_match m WHERE m.connection = :connection "  # noqa: S608
            f"AND m.stream = :{self.name}_stream AND m.external_id = k.external "
            f"AND m.table_name = '{self.mapping.table}' AND m.candidate = t.sys_id "
            f"AND m.state = '{state}'"
        )

    @property
    def _columns(self) -> Any:
        return self.items[0].layout.entity.table.c

    def _typed(self, name: str, column: str) -> str:
        """What a column of ours is compared with, where sets hold nothing but text."""
        dialect = self.tx.dialect
        if dialect.name == "sqlite" or name not in self._columns:
            return f"k.{column}"
        return f"CAST(k.{column} AS {self._columns[name].type.compile(dialect)})"

    def _values(self, item: Item, rule: MatchRule) -> list[Any]:
        """What the record's fields must be, as the database keeps it; None for nothing."""
        if rule == STAMP:
            return [stamped(item) or None]
        return [self._encoded(name, item.value(name)) for name in rule.fields]

    def _encoded(self, name: str, value: Any) -> Any:
        if value is None or value == "" or isinstance(value, Ref):
            return None
        if name not in self._columns:
            return value
        encode = encoder(self._columns[name].type, self.tx.dialect)
        kept = encode(value) if encode else value
        return kept if isinstance(kept, str | int | float) else str(kept)

    def _known_by(self, item: Item, number: int) -> list[list[str]]:
        """A row for each value that it is known by; one, if that is not asked."""
        if self.rules[number].through is None:
            return [[]]
        return [[value] for value in item.mapping.known_by(self._declared(number), _record(item))]

    def _declared(self, number: int) -> int:
        """The number of a rule in the mapping, where the stamp is none."""
        return number - (len(self.rules) - len(self.mapping.match))

    # -- judging

    def judge(self) -> None:
        """Say of each item which record it is."""
        self._drop_what_may_not_match()
        taken: set[str] = set()
        for position in dict.fromkeys(position for _, position in sorted(self.hits, key=_position)):
            verdict = self._judged(position, taken)
            self.verdicts[position] = verdict
            if verdict.sys_id:
                taken.add(verdict.sys_id)

    def _judged(self, position: int, taken: set[str]) -> Verdict:
        maybe: list[tuple[int, str]] = []
        for number, rule in enumerate(self.rules):
            found = self.hits.get((number, position))
            if not found:
                continue
            said = [sys_id for sys_id, standing in found.items() if standing == "accepted"]
            meant = said or [i for i, s in found.items() if s != "inactive"] or list(found)
            shared = any(standing == "linked" for standing in found.values())
            sure = said or not (shared or rule.ask)
            if sure and len(meant) == 1 and meant[0] not in taken:
                return Verdict(meant[0], number)
            open_ones = sorted(i for i, standing in found.items() if standing != "linked")
            maybe += [(number, sys_id) for sys_id in open_ones[:MOST_PROPOSED]]
        return Verdict(maybe=tuple(maybe))

    def _drop_what_may_not_match(self) -> None:
        """The conditions of rules are looked at for hits only: that takes the whole record."""
        for number, position in list(self.hits):
            if self.rules[number].when is not None:
                item = self.items[position]
                if not item.mapping.may_match(self._declared(number), _record(item)):
                    del self.hits[number, position]

    # -- what follows

    def adopt(self) -> dict[str, str | None]:
        """Make the items without a link those records; the sys_ids given up, each with what stays.

        Nothing stays of an item that is left alone.
        """
        renamed: dict[str, str | None] = {}
        for position, item in enumerate(self.items):
            found = self.verdicts.get(position, Verdict()).sys_id
            if item.fresh and found:
                renamed[item.sys_id] = found
                item.sys_id, item.fresh = found, False
            elif item.fresh and not item.mapping.creates:
                renamed[item.sys_id] = None
        return renamed

    def doubtful(self) -> Iterator[tuple[Item, list[Match]]]:
        """The items whose link was a rule's word, which it would not give again; with candidates."""
        for position, verdict in self.verdicts.items():
            item = self.items[position]
            certain = {n for n, rule in enumerate(self.rules) if not rule.ask}
            among = {sys_id for number, sys_id in verdict.maybe if number in certain}
            if self._is_rechecked(item) and not verdict.sys_id and item.sys_id in among:
                yield item, [self._match(item, number, i, "waiting") for number, i in verdict.maybe]

    def noted(self) -> Iterator[Match]:
        """What was adopted by a rule, and what a person must look at: a rule that found several.

        Our own stamp in their record is no guess: it is not noted, nor what was said before.
        """
        for position, verdict in self.verdicts.items():
            item, rechecked = self.items[position], self._is_rechecked(self.items[position])
            if not verdict.sys_id:
                maybe = () if rechecked else verdict.maybe
                yield from (self._match(item, number, i, "waiting") for number, i in maybe)
            elif self.rules[verdict.rule] == STAMP:
                continue
            elif not rechecked:
                yield self._match(item, verdict.rule, verdict.sys_id, "adopted")
            elif verdict.sys_id != item.sys_id:
                yield self._match(item, verdict.rule, verdict.sys_id, "waiting")

    def sought(self) -> Iterator[tuple[str, str]]:
        """(digest, external id) of all that these items look for, if they create nothing."""
        for number, rule in enumerate(() if self.mapping.creates else self.rules):
            place = place_of(self.mapping, rule)
            for item in self.items:
                if rule.through is not None:
                    values = [value for [value] in self._known_by(item, number)]
                else:
                    values = [str(item.value(place.column) or "")]
                for value in values:
                    if value:
                        yield seekers.digest(place.table, place.column, value), item.key

    def _is_rechecked(self, item: Item) -> bool:
        return item.link is not None and item.link.sys_id == item.sys_id

    def _match(self, item: Item, number: int, candidate: str, state: str) -> Match:
        return Match(
            self.connection, self.mapping.stream, item.key, self.mapping.table, candidate,
            str(self.rules[number]), state,
        )  # fmt: skip


def _position(at: At) -> int:
    return at[1]


def _record(item: Item) -> Any:
    return sets.from_json_text(item.record.raw or b"null")


def _column(name: str) -> str:
    return f"t.hub_custom ->> '{name}'" if name.startswith("u_") else f't."{name}"'
