"""What a deletion over there has set in our record, undone when theirs is back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hub.store import audit
from hub.store.database import Transaction
from hub.sync.reading import Item


def undone(
    tx: Transaction, connection: str, items: Iterable[Item]
) -> Mapping[tuple[str, str], dict[str, Any]]:
    """What fields said before, by (sys_id, external id), where nobody has changed them since.

    Of records that are back, and of fields that the mapping does not read again itself. One
    statement; none if no record is back, or there are no such fields.
    """
    back = [
        (item, name)
        for item in items
        if item.layout.gone and item.restored
        for name in item.layout.gone.keys() - item.values().keys()
    ]
    if not back:
        return {}
    last = audit.last_change(tx, {(item.mapping.table, item.sys_id, n) for item, n in back})
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for item, name in back:
        entry = last.get((item.sys_id, name))
        by_deletion = (connection, item.key, audit.spelled(item.layout.gone[name]))
        if entry and (entry.source, entry.external_id, entry.new) == by_deletion:
            field = item.layout.entity.shape.fields.get(name)
            found.setdefault((item.sys_id, item.key), {})[name] = audit.read(field, entry.old)
    return found
