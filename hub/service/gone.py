"""What a record says once the external record that it was is deleted, and when that comes back.

Nothing is ever deleted here because it was deleted there: people refer to it (rule R46). But a
relation is no record that anybody refers to: it is there, or it has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

GONE: Mapping[str, Mapping[str, Any]] = {
    "contact": {"active": False},
    "consumer": {"active": False},
    "user": {"active": False},
    "group": {"active": False},
    "case": {"state": "7"},
    "incident": {"state": "8"},
    "work_order": {"state": "7", "active": False},
    "work_order_task": {"state": "7", "active": False},
    "order": {"state": "cancelled"},
    "order_line": {"state": "cancelled"},
    "return": {"state": "cancelled"},
}
"""By the entity's short name; one that is not here stays as it is.

So `on_delete: mark` has it; a mapping may name the fields itself.
"""

ENDS: Mapping[str, tuple[str, ...]] = {"group_member": ("group", "user")}
"""The entities that are relations, each with the references that make one.

Without all of them there is no row: not before both ends are here, and not when one of them is
gone. It is there for as long as any connection says so.
"""
