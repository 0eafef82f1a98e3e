"""Our sys_id in their records: read and written where a mapping's `stamp` says, a path of names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hub.store import sets
from hub.sync.reading import Item

SYS_ID = re.compile(r"[0-9A-Za-z_-]{1,32}")


def stamped(item: Item) -> str:
    """Our sys_id that their record carries; empty if it carries none."""
    stamp, raw = item.mapping.stamp, item.record.raw
    if not stamp or raw is None:
        return ""
    steps = stamp.split(".")
    if steps[-1].encode() not in bytes(raw):  # far quicker than reading it
        return ""
    value: Any = sets.from_json_text(raw)
    for step in steps:
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, str) and SYS_ID.fullmatch(value) else ""


def with_stamp(data: Mapping[str, Any], stamp: str, sys_id: str) -> dict[str, Any]:
    """A record of theirs with our sys_id in it; what else is on the way there stays."""
    name, _, rest = stamp.partition(".")
    inner = data.get(name)
    value = with_stamp(inner if isinstance(inner, dict) else {}, rest, sys_id) if rest else sys_id
    return {**data, name: value}
