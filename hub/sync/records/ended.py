"""Relations that are over: their rows go, and the audit says what there was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hub.service.gone import ENDS
from hub.store import audit, entities, relations
from hub.store.audit import Entry
from hub.store.database import Transaction
from hub.store.records import Row
from hub.sync.records.patch import Origin, Patch

ENDED = "relation ended"
"""The audit's reason where nobody gives another one."""
TABLES: Mapping[str, tuple[str, ...]] = {
    str(entities.find(name).table.name): ends for name, ends in ENDS.items()
}


def end(tx: Transaction, those: Sequence[tuple[Patch, Row]], origin: Origin) -> list[Entry]:
    """Take away the rows of relations that are over; what the audit says. One statement per entity.

    A row that another connection's link still speaks for stays.
    """
    entries: list[Entry] = []
    for table in dict.fromkeys(str(patch.entity.table.name) for patch, _ in those):
        mine = {
            row["sys_id"]: (patch, row) for patch, row in those if patch.entity.table.name == table
        }
        taken = relations.remove(tx, entities.find(table), mine, but_of=origin.connection)
        entries += [_entry(table, *mine[one], origin) for one in mine if one in taken]
    return entries


def _entry(table: str, patch: Patch, row: Row, origin: Origin) -> Entry:
    """What there was: the sys_ids of both ends."""
    was = " ".join(str(row[name]) for name in TABLES[table])
    return Entry(
        table, patch.sys_id, audit.WHOLE_RECORD, was, None, origin.user, origin.connection,
        patch.external_id, patch.place_of(audit.WHOLE_RECORD) if patch.place_of else "", patch.reason or ENDED,
    )  # fmt: skip
