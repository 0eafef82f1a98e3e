"""Ids: their first three characters say of which object a record is."""

from __future__ import annotations

import hub

_PREFIX = 3


@hub.pipe()
def prefix(id: str) -> str:
    """`500` of a case, `005` of a user."""
    return id[:_PREFIX]
