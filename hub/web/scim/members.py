"""Who belongs to which group, as one tenant sees it: its own users in its own groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from hub.store import links, sets
from hub.store.database import Transaction
from hub.store.entities import GROUP_MEMBER
from hub.store.links import Link
from hub.store.sys_ids import new_sys_ids
from hub.sync.connection import Connections
from hub.sync.records.amend import Origin, Patch, amend
from hub.web.scim.attributes import GROUPS, USERS, JsonObject, Kind

TABLE = "sys_user_grmember"
STREAM = "scim/Members"
"""Of the links that say what a tenant has said: a membership it ended, it does not see any more,
though there may be a row for as long as another connection says so."""


@dataclass(frozen=True, slots=True)
class Belonging:
    """A row that says that a user is in a group; `name` is what the one looked for is called."""

    row: str
    group: str
    user: str
    name: str | None


def _listing(mine: str, other: Kind, column: str) -> str:
    member = sets.each("keys", ["k"], f"{TABLE} m", f'm."{mine}" = k.k')
    return f"""
        SELECT m.sys_id, m."group", m."user",
          (SELECT o.name FROM {other.table} o WHERE o.sys_id = m."{column}")
        FROM {member}
          AND EXISTS (SELECT 1 FROM hub_external_ref l WHERE l.sys_id = m."{column}"
            AND l.table_name = '{other.table}' AND l.connection = :tenant
            AND l.stream = '{other.stream}' AND l.deleted_at IS NULL)
          AND NOT EXISTS (SELECT 1 FROM hub_external_ref l WHERE l.sys_id = m.sys_id
            AND l.table_name = '{TABLE}' AND l.connection = :tenant
            AND l.stream = '{STREAM}' AND l.deleted_at IS NOT NULL)
        ORDER BY m."{column}", m.sys_id
    """  # noqa: S608 -- names are ours


_OF_GROUPS = _listing("group", USERS, "user")
_OF_USERS = _listing("user", GROUPS, "group")


def of_groups(tx: Transaction, tenant: str, groups: Iterable[str]) -> dict[str, list[Belonging]]:
    """The members of these groups, by group. One statement."""
    return _found(tx, _OF_GROUPS, tenant, groups, lambda one: one.group)


def of_users(tx: Transaction, tenant: str, users: Iterable[str]) -> dict[str, list[Belonging]]:
    """The groups of these users, by user. One statement."""
    return _found(tx, _OF_USERS, tenant, users, lambda one: one.user)


def _found(
    tx: Transaction, statement: str, tenant: str, keys: Iterable[str],
    mine: Callable[[Belonging], str],
) -> dict[str, list[Belonging]]:  # fmt: skip
    found: dict[str, list[Belonging]] = {}
    for row in sets.select(tx, statement, tenant=tenant, keys=sets.packed(keys)):
        one = Belonging(*row)
        found.setdefault(mine(one), []).append(one)
    return found


_STRANGERS = f"""
    SELECT k.k FROM {sets.values("keys", ["k"])} k
    WHERE NOT EXISTS (SELECT 1 FROM hub_external_ref l WHERE l.sys_id = k.k
      AND l.table_name = '{USERS.table}' AND l.connection = :tenant
      AND l.stream = '{USERS.stream}' AND l.deleted_at IS NULL)
"""  # noqa: S608


def strangers(tx: Transaction, tenant: str, users: Iterable[str]) -> list[str]:
    """Those of these ids that are no users of the tenant's."""
    rows = sets.select(tx, _STRANGERS, tenant=tenant, keys=sets.packed(users))
    return [row[0] for row in rows]


_THERE = f"""
    SELECT k.g, k.u, (SELECT min(m.sys_id) FROM {TABLE} m WHERE m."group" = k.g AND m."user" = k.u)
    FROM {sets.values("keys", ["g", "u"])} k
"""  # noqa: S608


def join(
    tx: Transaction,
    connections: Connections,
    pairs: Sequence[tuple[str, str]],
    origin: Origin,
    now: datetime,
) -> None:
    """Let users be in groups, given as (group, user). Who somebody else has put there is there once."""
    if not pairs:
        return
    rows = {(g, u): row for g, u, row in sets.select(tx, _THERE, keys=sets.packed(pairs))}
    patches = [
        Patch(
            GROUP_MEMBER, rows[pair] or sys_id, {"group": pair[0], "user": pair[1]},
            fresh=not rows[pair],
        )
        for sys_id, pair in zip(new_sys_ids(len(pairs)), pairs, strict=True)
    ]  # fmt: skip
    amend(tx, connections, patches, origin, now=now)
    said = [_link(origin, *pair, patch.sys_id) for patch, pair in zip(patches, pairs, strict=True)]
    links.save(tx, said, now=now.timestamp())


def leave(
    tx: Transaction,
    connections: Connections,
    those: Sequence[Belonging],
    origin: Origin,
    now: datetime,
) -> None:
    """End memberships as far as the tenant is concerned, as a connection's end when it says so."""
    if not those:
        return
    patches = [
        Patch(GROUP_MEMBER, one.row, {}, external_id=_called(one.group, one.user), ends=True)
        for one in those
    ]
    amend(tx, connections, patches, origin, now=now)
    said = [_link(origin, one.group, one.user, one.row)._replace(deleted=True) for one in those]
    links.save(tx, said, now=now.timestamp())


def _link(origin: Origin, group: str, user: str, row: str) -> Link:
    return Link(origin.connection, STREAM, TABLE, _called(group, user), row)


def _called(group: str, user: str) -> str:
    return f"{group}|{user}"


def shown_members(those: Iterable[Belonging]) -> list[JsonObject]:
    """As a group lists its users; the server makes an address of the reference."""
    names = {one.user: one.name for one in those}
    return [
        {"value": id, "$ref": f"Users/{id}", "type": "User", "display": name}
        for id, name in names.items()
    ]


def shown_groups(those: Iterable[Belonging]) -> list[JsonObject]:
    """As a user lists the groups."""
    names = {one.group: one.name for one in those}
    return [
        {"value": id, "$ref": f"Groups/{id}", "type": "direct", "display": name}
        for id, name in names.items()
    ]
