"""How a tenant's resource becomes our record: created or adopted, changed, given up.

All of it through `amend`, on the word of the tenant; the link to it is written beside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scim2_models import InvalidValueException, UniquenessException
from sqlalchemy import Delete, Update, and_, delete, select, update

from hub.service.gone import GONE
from hub.store import links as known
from hub.store import records
from hub.store.database import Database, Transaction
from hub.store.links import Link
from hub.store.records import Row
from hub.store.sys_ids import new_sys_id
from hub.store.system import links
from hub.sync.connection import Connections
from hub.sync.records.amend import Origin, Patch, amend
from hub.web.scim import adopt, leaving, members
from hub.web.scim.attributes import (
    EXTERNAL_ID,
    GROUPS,
    REVISION,
    UNSAID,
    USERS,
    JsonObject,
    Kind,
    follow,
    read,
    values,
)
from hub.web.scim.published import ENTERPRISE

LONGEST_ID = 255
"""Characters of an externalId: what a link holds."""
NAMED_BY = USERS.places[EXTERNAL_ID].field
MANAGER = USERS.places[ENTERPRISE, "manager"].field


@dataclass(frozen=True, slots=True)
class Tenant:
    """On whose word it is written, when, and who else is told of it."""

    name: str
    db: Database
    connections: Connections
    now: datetime

    @property
    def origin(self) -> Origin:
        return Origin(self.name, connection=self.name)


def create(tx: Transaction, tenant: Tenant, kind: Kind, said: JsonObject) -> Row:
    """Make or adopt the record that this is. Raises `UniquenessException`."""
    known.take_turn(tx, "scim", kind.stream)
    fields = values(kind, said) | {"active": said.get("active", True)}
    if kind is USERS:
        fields |= follow(said) | {"manager": _manager(tx, tenant, fields[MANAGER])}
    external_id = fields[NAMED_BY]
    _check_external_id(tx, tenant, kind, external_id, but=None)
    found = adopt.candidate(tx, tenant.name, kind, fields, external_id)
    _check_name(tx, kind, fields, but=found.sys_id if found else None)
    if found is None or not found.former:
        fields = {field: value for field, value in fields.items() if value is not None}
    patch = Patch(kind.entity, found.sys_id if found else new_sys_id(), fields, fresh=not found)
    row = _amend(tx, tenant, kind, patch)
    _link(tx, tenant, kind, row["sys_id"], external_id)
    return _with_members(tx, tenant, row, said) if kind is GROUPS else row


def change(tx: Transaction, tenant: Tenant, kind: Kind, row: Row, said: JsonObject) -> Row:
    """Let a record say what the resource says now. Raises `UniquenessException`."""
    fields = _changes(tx, tenant, kind, row, said)
    if NAMED_BY in fields:
        _check_external_id(tx, tenant, kind, fields[NAMED_BY], but=row["sys_id"])
    _check_name(tx, kind, fields, but=row["sys_id"])
    changed = _amend(tx, tenant, kind, Patch(kind.entity, row["sys_id"], fields), row)
    if NAMED_BY in fields:
        _link(tx, tenant, kind, row["sys_id"], fields[NAMED_BY])
    return _with_members(tx, tenant, changed, said) if kind is GROUPS else changed


def give_up(tx: Transaction, tenant: Tenant, kind: Kind, row: Row) -> None:
    """The tenant has deleted it: our record stays, no longer active, and no longer the tenant's."""
    sys_id = row["sys_id"]
    listed = members.of_users if kind is USERS else members.of_groups
    those = listed(tx, tenant.name, [sys_id]).get(sys_id, [])
    members.leave(tx, tenant.connections, those, tenant.origin, tenant.now)
    gone = dict(GONE[kind.entity.name])
    _amend(tx, tenant, kind, Patch(kind.entity, sys_id, gone), row)
    statement: Update = update(links).where(_link_of(tenant, kind, sys_id))
    tx.execute(statement.values(deleted_at=tenant.now.timestamp()))


def _changes(
    tx: Transaction, tenant: Tenant, kind: Kind, row: Row, said: JsonObject
) -> dict[str, Any]:
    """The fields that are to be other than they are. A missing `active` leaves it as it is."""
    before = read(kind, row)
    were, wanted = values(kind, before), values(kind, said)
    if kind is USERS:
        were, wanted = were | follow(before), wanted | follow(said)
        if wanted.pop("active") is None:
            wanted[UNSAID], were[UNSAID] = row["active"], (row["hub_custom"] or {}).get(UNSAID)
        else:
            wanted["active"], were["active"] = said["active"], row["active"]
    fields = {field: value for field, value in wanted.items() if value != were[field]}
    if MANAGER in fields:
        fields["manager"] = _manager(tx, tenant, fields[MANAGER])
    return fields


def _amend(
    tx: Transaction, tenant: Tenant, kind: Kind, patch: Patch, before: Row | None = None
) -> Row:
    if before is None and not patch.fresh:
        before = records.read(tx, kind.entity, [patch.sys_id])[patch.sys_id]
    [result] = amend(tx, tenant.connections, [patch], tenant.origin, now=tenant.now)
    if kind is USERS and before and before["active"] and not result.row["active"]:
        leaving.leave(tx, tenant.connections, [result.row], tenant.origin, tenant.now)
    return result.row


def _with_members(tx: Transaction, tenant: Tenant, group: Row, said: JsonObject) -> Row:
    """Let exactly these of the tenant's users be in the group."""
    wanted = dict.fromkeys(str(one.get("value")) for one in said.get("members") or ())
    here = members.of_groups(tx, tenant.name, [group["sys_id"]]).get(group["sys_id"], [])
    are = {one.user for one in here}
    new = [user for user in wanted if user not in are]
    if strangers := members.strangers(tx, tenant.name, new):
        raise InvalidValueException(detail=f"members: {strangers[0]!r} is no user of this tenant")
    gone = [one for one in here if one.user not in wanted]
    if not new and not gone:
        return group
    members.leave(tx, tenant.connections, gone, tenant.origin, tenant.now)
    pairs = [(group["sys_id"], user) for user in new]
    members.join(tx, tenant.connections, pairs, tenant.origin, tenant.now)
    revision = int((group.get("hub_custom") or {}).get(REVISION) or 0) + 1
    patch = Patch(GROUPS.entity, group["sys_id"], {REVISION: revision})
    return _amend(tx, tenant, GROUPS, patch, group)


def _manager(tx: Transaction, tenant: Tenant, said: Any) -> str | None:
    """The user who is meant, if the tenant has told us of them already."""
    id = said.get("value") if isinstance(said, dict) else None
    return id if id and not members.strangers(tx, tenant.name, [id]) else None


def _check_name(tx: Transaction, kind: Kind, fields: Mapping[str, Any], *, but: str | None) -> None:
    field = "user_name" if kind is USERS else "name"
    attribute = "userName" if kind is USERS else "displayName"
    name = fields.get(field) if kind is USERS or field in fields else None
    if name and adopt.taken(tx, kind, name, but=but):
        raise UniquenessException(detail=f"{attribute}: another {kind.name.lower()} is called so")


def _check_external_id(
    tx: Transaction, tenant: Tenant, kind: Kind, external_id: str | None, *, but: str | None
) -> None:
    if not external_id:
        return
    if len(external_id) > LONGEST_ID:
        raise InvalidValueException(detail=f"externalId: at most {LONGEST_ID} characters are kept")
    live = select(links.c.sys_id).where(
        _link_called(tenant, kind, external_id), links.c.deleted_at.is_(None)
    )
    if tx.execute(live).scalar() not in {None, but}:
        raise UniquenessException(detail="externalId: another resource of this tenant has it")


def _link(
    tx: Transaction, tenant: Tenant, kind: Kind, sys_id: str, external_id: str | None
) -> None:
    """The one link of this tenant to this record."""
    statement: Delete = delete(links).where(_link_of(tenant, kind, sys_id))
    tx.execute(statement)
    link = Link(tenant.name, kind.stream, kind.table, external_id or sys_id, sys_id)
    known.save(tx, [link], now=tenant.now.timestamp())


def _link_of(tenant: Tenant, kind: Kind, sys_id: str) -> Any:
    return and_(
        links.c.sys_id == sys_id,
        links.c.table_name == kind.table,
        links.c.connection == tenant.name,
        links.c.stream == kind.stream,
    )


def _link_called(tenant: Tenant, kind: Kind, external_id: str) -> Any:
    return and_(
        links.c.connection == tenant.name,
        links.c.stream == kind.stream,
        links.c.external_id == external_id,
        links.c.table_name == kind.table,
    )
