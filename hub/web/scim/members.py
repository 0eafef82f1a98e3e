"""Who belongs to which group, as one tenant sees it: its own users in its own groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from hub.store import audit, sets
from hub.store.audit import Entry
from hub.store.database import Transaction
from hub.store.entities import GROUP_MEMBER
from hub.store.sys_ids import new_sys_ids
from hub.sync.amend import Origin, Patch, amend
from hub.sync.connection import Connections
from hub.web.scim.attributes import GROUPS, USERS, JsonObject, Kind

TABLE = "sys_user_grmember"


@dataclass(frozen=True, slots=True)
class Belonging:
    """A row that says that a user is in a group; `name` is what the one looked for is called."""

    row: str
    of: str
    other: str
    name: str | None


def _listing(mine: str, other: Kind, column: str) -> str:
    member = sets.each("keys", ["k"], f"{TABLE} m", f'm."{mine}" = k.k')
    return f"""
        SELECT m.sys_id, m."{mine}", m."{column}",
          (SELECT o.name FROM {other.table} o WHERE o.sys_id = m."{column}")
        FROM {member}
          AND EXISTS (SELECT 1 FROM hub_external_ref l WHERE l.sys_id = m."{column}"
            AND l.table_name = '{other.table}' AND l.connection = :tenant
            AND l.stream = '{other.stream}' AND l.deleted_at IS NULL)
        ORDER BY m."{column}", m.sys_id
    """  # noqa: S608 -- names are ours


_OF_GROUPS = _listing("group", USERS, "user")
_OF_USERS = _listing("user", GROUPS, "group")


def of_groups(tx: Transaction, tenant: str, groups: Iterable[str]) -> dict[str, list[Belonging]]:
    """The members of these groups, by group. One statement."""
    return _found(tx, _OF_GROUPS, tenant, groups)


def of_users(tx: Transaction, tenant: str, users: Iterable[str]) -> dict[str, list[Belonging]]:
    """The groups of these users, by user. One statement."""
    return _found(tx, _OF_USERS, tenant, users)


def _found(
    tx: Transaction, statement: str, tenant: str, keys: Iterable[str]
) -> dict[str, list[Belonging]]:
    found: dict[str, list[Belonging]] = {}
    for row in sets.select(tx, statement, tenant=tenant, keys=sets.packed(keys)):
        found.setdefault(row[1], []).append(Belonging(*row))
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


def join(
    tx: Transaction,
    connections: Connections,
    pairs: Sequence[tuple[str, str]],
    origin: Origin,
    now: datetime,
) -> None:
    """Let users be in groups, given as (group, user)."""
    patches = [
        Patch(GROUP_MEMBER, sys_id, {"group": group, "user": user}, fresh=True)
        for sys_id, (group, user) in zip(new_sys_ids(len(pairs)), pairs, strict=True)
    ]
    if patches:
        amend(tx, connections, patches, origin, now=now)


_REMOVE = f"""
    DELETE FROM {TABLE} WHERE sys_id IN (SELECT k FROM {sets.values("keys", ["k"])} s)
"""  # noqa: S608


def leave(tx: Transaction, those: Sequence[Belonging], origin: Origin, now: datetime) -> None:
    """End memberships. The rows go, as ServiceNow's do; the audit says who was in what."""
    if not those:
        return
    sets.execute(tx, _REMOVE, keys=sets.packed(one.row for one in those))
    entries = [
        Entry(
            TABLE, one.row, audit.WHOLE_RECORD, f"{one.of} {one.other}", None, origin.user,
            origin.connection, reason="membership ended",
        )
        for one in those
    ]  # fmt: skip
    audit.append(tx, entries, change_set=uuid4().hex, job=origin.job, at=now)


def shown_members(those: Iterable[Belonging]) -> list[JsonObject]:
    """As a group lists its users; the server makes an address of the reference."""
    names = {one.other: one.name for one in those}
    return [
        {"value": id, "$ref": f"Users/{id}", "type": "User", "display": name}
        for id, name in names.items()
    ]


def shown_groups(those: Iterable[Belonging]) -> list[JsonObject]:
    """As a user lists the groups."""
    names = {one.other: one.name for one in those}
    return [
        {"value": id, "$ref": f"Groups/{id}", "type": "direct", "display": name}
        for id, name in names.items()
    ]
