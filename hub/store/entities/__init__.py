"""The entities of the store, by area: what mappings map to and people look at."""

from __future__ import annotations

from difflib import get_close_matches

from hub.store.entities.choices import Choice, Choices
from hub.store.entities.dictionary import choice_rows, sys_choice
from hub.store.entities.entity import Entity
from hub.store.entities.history import (
    ATTACHMENT,
    JOURNAL,
    sys_attachment,
    sys_audit,
    sys_journal_field,
)
from hub.store.entities.orders import ORDER, ORDER_LINE, RETURN
from hub.store.entities.parties import ACCOUNT, CONSUMER, CONTACT
from hub.store.entities.people import (
    GROUP,
    GROUP_MEMBER,
    LOCATION,
    SERVICE_ORGANIZATION,
    STORE,
    USER,
)
from hub.store.entities.tasks import CASE, INCIDENT, WORK_ORDER, WORK_ORDER_TASK

ALL = (
    CASE,
    INCIDENT,
    ACCOUNT,
    CONTACT,
    CONSUMER,
    WORK_ORDER,
    WORK_ORDER_TASK,
    ORDER,
    ORDER_LINE,
    RETURN,
    USER,
    GROUP,
    GROUP_MEMBER,
    LOCATION,
    SERVICE_ORGANIZATION,
    STORE,
)
"""Every entity whose rows are records. What belongs to one is in `ENCLOSED`."""
ENCLOSED = (JOURNAL, ATTACHMENT)


class UnknownEntity(LookupError):
    """No entity has that name."""


def find(name: str) -> Entity:
    """The entity of a short name (`case`) or a table name; also `journal` and `attachment`.

    Raises `UnknownEntity`, which suggests what may have been meant.
    """
    found = _BY_NAME.get(name)
    if found is None:
        near = get_close_matches(name.lower(), _BY_NAME, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(_SHORT_NAMES)}"
        raise UnknownEntity(f"no entity is called {name!r}; {hint}")
    return found


_SHORT_NAMES = tuple(entity.name for entity in (*ALL, *ENCLOSED))
_BY_NAME = {
    name: entity for entity in (*ALL, *ENCLOSED) for name in (entity.name, entity.table.name)
}

__all__ = [
    "ACCOUNT",
    "ALL",
    "ATTACHMENT",
    "CASE",
    "CONSUMER",
    "CONTACT",
    "ENCLOSED",
    "GROUP",
    "GROUP_MEMBER",
    "INCIDENT",
    "JOURNAL",
    "LOCATION",
    "ORDER",
    "ORDER_LINE",
    "RETURN",
    "SERVICE_ORGANIZATION",
    "STORE",
    "USER",
    "WORK_ORDER",
    "WORK_ORDER_TASK",
    "Choice",
    "Choices",
    "Entity",
    "UnknownEntity",
    "choice_rows",
    "find",
    "sys_attachment",
    "sys_audit",
    "sys_choice",
    "sys_journal_field",
]
