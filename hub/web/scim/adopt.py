"""Which record of ours a resource is that a tenant creates: its own of before, or one of nobody's.

First hit wins (rule R38): its externalId, the employee number, `user_name`, the e-mail address;
for a group, its name. A rule that finds several records decides nothing. Not up for adoption are

- who belongs to a tenant now, this one or another
- by name or address: who ever belonged to one. Names are given again, to other people
- by address: an address that several records have, or a group. It is a shared mailbox (R39)
- anybody whose employee number is another one
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, not_, or_, select

from hub.store.database import Transaction
from hub.store.entities import GROUP
from hub.store.system import links
from hub.web.scim.attributes import GROUPS, KINDS, USERS, Kind
from hub.web.scim.compare import is_called

Condition = ColumnElement[bool]
STREAMS = [kind.stream for kind in KINDS.values()]


@dataclass(frozen=True, slots=True)
class Found:
    """`former`: it was the tenant's own before it was deleted there."""

    sys_id: str
    former: bool


def candidate(
    tx: Transaction, tenant: str, kind: Kind, values: dict[str, Any], external_id: str | None
) -> Found | None:
    """The record that it is, if there is one."""
    if external_id and (former := _former(tx, tenant, kind, external_id)):
        return Found(former, former=True)
    rules = _user_rules(values) if kind is USERS else _group_rules(values)
    for rule in rules:
        found = tx.execute(_asked(kind, rule).limit(2)).scalars().all()
        if len(found) == 1:
            return Found(found[0], former=_was_mine(tx, tenant, kind, found[0]))
    return None


def taken(tx: Transaction, kind: Kind, name: str, *, but: str | None) -> bool:
    """Whether somebody else is called so: anybody in use, and anybody who belongs to a tenant."""
    table = kind.entity.table
    called = table.c.user_name if kind is USERS else table.c.name
    in_use = or_(table.c.active, _linked(kind, live=True))
    asked = select(table.c.sys_id).where(is_called(called, name), in_use)
    if but is not None:
        asked = asked.where(table.c.sys_id != but)
    return tx.execute(asked.limit(1)).first() is not None


def _former(tx: Transaction, tenant: str, kind: Kind, external_id: str) -> str | None:
    """Whom the tenant called so before it was deleted there, unless another one has it now."""
    asked = _asked(kind, not_(_linked(kind, live=True))).join(
        links,
        and_(
            links.c.sys_id == kind.entity.table.c.sys_id,
            links.c.table_name == kind.table,
            links.c.connection == tenant,
            links.c.stream == kind.stream,
            links.c.external_id == external_id,
            links.c.deleted_at.is_not(None),
        ),
    )
    return tx.execute(asked).scalar()


def _was_mine(tx: Transaction, tenant: str, kind: Kind, sys_id: str) -> bool:
    asked = select(literal(1)).where(
        links.c.sys_id == sys_id,
        links.c.table_name == kind.table,
        links.c.connection == tenant,
        links.c.stream == kind.stream,
    )
    return tx.execute(asked.limit(1)).first() is not None


def _user_rules(values: dict[str, Any]) -> list[Condition]:
    user = USERS.entity.table.c
    number, email = values.get("employee_number"), values.get("email")
    free, never = not_(_linked(USERS, live=True)), not_(_linked(USERS, live=False))
    same_person = (
        or_(user.employee_number.is_(None), user.employee_number.in_([number, ""]))
        if number
        else literal(True)
    )
    rules = [and_(user.employee_number == number, free)] if number else []
    rules.append(and_(is_called(user.user_name, values["user_name"]), never, same_person))
    if email:
        rules.append(and_(user.email == email, never, same_person, _of_one_person(email)))
    return rules


def _of_one_person(email: str) -> Condition:
    user, group = USERS.entity.table.alias(), GROUP.table
    holders = select(func.count()).select_from(user).where(user.c.email == email)
    shared = exists(select(literal(1)).where(func.lower(group.c.email) == email))
    return and_(holders.scalar_subquery() == 1, not_(shared))


def _group_rules(values: dict[str, Any]) -> list[Condition]:
    never = not_(_linked(GROUPS, live=False))
    return [and_(is_called(GROUPS.entity.table.c.name, values["name"]), never)]


def _asked(kind: Kind, condition: Condition) -> Select[Any]:
    return select(kind.entity.table.c.sys_id).where(condition)


def _linked(kind: Kind, *, live: bool) -> Condition:
    """Whether a tenant has it now; or, if not `live`, ever had it."""
    link = links.alias()
    known = and_(
        link.c.sys_id == kind.entity.table.c.sys_id,
        link.c.table_name == kind.table,
        link.c.stream == kind.stream,
    )
    if live:
        known = and_(known, link.c.deleted_at.is_(None))
    return exists(select(literal(1)).where(known))
