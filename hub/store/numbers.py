"""The numbers that people call records by: CS0001001, INC0010001.

They are handed out in blocks, in the transaction that uses them. A block whose transaction
fails is handed out again; no number is handed out twice. Since a number also exists before
the hub does (a CaseNumber that was imported), a counter can be moved past those.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, String, Table, case, literal, select, update

from hub.store.database import Transaction
from hub.store.entities import Entity
from hub.store.metadata import metadata

sys_number = Table(
    "sys_number",
    metadata,
    Column("prefix", String(40), primary_key=True),
    Column("category", String(80), nullable=False),  # the table it numbers
    Column("number", BigInteger, nullable=False),  # the next one to hand out
    Column("maximum_digits", Integer, nullable=False),
)

ROOM = 2
"""How many more digits than its own an imported number may have and still move a counter: an
account called ACCT999999999999999999 must not use the series up."""


class UnknownSeries(LookupError):
    """No numbers begin with that prefix."""


def allocate(
    tx: Transaction, counts: Mapping[str, int], past: Mapping[str, int] | None = None
) -> dict[str, int]:
    """Reserve `counts[prefix]` numbers of each series; the first of each block, by prefix.

    The counters first move past `past[prefix]`, the highest imported one (see `highest`). One
    statement, none for nothing. Raises `UnknownSeries`.
    """
    seen = past or {}
    wanted = {
        prefix: (max(counts.get(prefix, 0), 0), seen.get(prefix, -1) + 1)
        for prefix in sorted(counts.keys() | seen.keys())
    }
    if not wanted:
        return {}
    number, prefix = sys_number.c.number, sys_number.c.prefix
    count = case({p: literal(n) for p, (n, _) in wanted.items()}, value=prefix)
    floor = case({p: literal(low, BigInteger) for p, (_, low) in wanted.items()}, value=prefix)
    # PostgreSQL locks the rows in one order for everybody; SQLite has one writer anyway.
    locked = select(prefix).where(prefix.in_(wanted)).order_by(prefix).with_for_update()
    rows = tx.execute(
        update(sys_number)
        .where(prefix.in_(locked.scalar_subquery()))
        .values(number=case((number > floor, number), else_=floor) + count)
        .returning(prefix, number)
    ).all()
    if missing := wanted.keys() - {row.prefix for row in rows}:
        raise UnknownSeries(
            f"no numbers begin with {', '.join(sorted(missing))}: sys_number has no such row; "
            "run `hub migrate`"
        )
    return {row.prefix: row.number - wanted[row.prefix][0] for row in rows}


def format_number(prefix: str, n: int, digits: int = 7) -> str:
    """CS, 1001, 7: CS0001001. A number that has more digits keeps them."""
    return f"{prefix}{n:0{digits}}"


def highest(entity: Entity, numbers: Iterable[str]) -> int | None:
    """The highest of the numbers that look like this entity's own, or None."""
    if not entity.prefix:
        return None
    own = re.compile(
        rf"{re.escape(entity.prefix)}([0-9]{{{entity.digits},{entity.digits + ROOM}}})"
    )
    found = (own.fullmatch(number) for number in numbers)
    return max((int(match[1]) for match in found if match), default=None)


def series(entities: Iterable[Entity]) -> list[dict[str, Any]]:
    """What `sys_number` holds before the first number is taken; migrations put it there."""
    return [
        {
            "prefix": entity.prefix,
            "category": entity.table.name,
            "number": entity.first,
            "maximum_digits": entity.digits,
        }
        for entity in entities
        if entity.prefix
    ]
