"""What follows when a user is no longer active: nothing may wait for them, or act in their name.

Their API tokens end, and what is open and assigned to them goes back to its group (rule R46).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from hub.store import access, entities
from hub.store.database import Transaction
from hub.store.records import Row
from hub.sync.connection import Connections
from hub.sync.records.amend import Origin, Patch, amend

WORK = tuple(entity for entity in entities.ALL if "assigned_to" in entity.table.c)
"""What is assigned to people."""


def leave(
    tx: Transaction, connections: Connections, users: Sequence[Row], origin: Origin, now: datetime
) -> None:
    """Take from these users what only those have who work here."""
    for user in users:
        if user["user_name"]:
            access.revoke_of(tx, user["user_name"])
    _unassign(tx, connections, [user["sys_id"] for user in users], origin, now)


def _unassign(
    tx: Transaction, connections: Connections, users: Sequence[str], origin: Origin, now: datetime
) -> None:
    patches = []
    for entity in WORK:
        table = entity.table
        open_work = select(table.c.sys_id).where(table.c.assigned_to.in_(users), table.c.active)
        patches += [
            Patch(entity, sys_id, {"assigned_to": None})
            for sys_id in tx.execute(open_work).scalars()
        ]
    if patches:
        amend(tx, connections, patches, origin, now=now)
