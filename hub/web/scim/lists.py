"""Attributes with several values, as subqueries: of a custom field, or of who belongs to whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from scim2_models import InvalidFilterException
from sqlalchemy import ColumnElement, String, and_, case, exists, func, literal, select
from sqlalchemy.dialects.postgresql import JSONB

from hub.store.entities import GROUP_MEMBER
from hub.store.system import links
from hub.web.scim import members
from hub.web.scim.attributes import GROUPS, USERS, Kind

Value = ColumnElement[Any]
Condition = ColumnElement[bool]
Element = Callable[[str], Value]
"""The part of an element that has this name."""


class Elements(Protocol):
    """The elements that one row has."""

    def some(self, test: Callable[[Element], Condition]) -> Condition:
        """Whether one of them passes."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The elements of a list in a custom field."""

    custom: Value
    field: str
    sqlite: bool

    def some(self, test: Callable[[Element], Condition]) -> Condition:
        element = self._elements().table_valued("value")
        value: Value = element.c.value

        def part(name: str) -> Value:
            if not name.isalpha():  # `$ref`, which would be a path to SQLite
                raise InvalidFilterException(detail=f"{name!r} cannot be sought")
            return value.op("->>", return_type=String())(literal(name, String()))

        # A null in place of a list is one element to SQLite.
        found = select(literal(1)).select_from(element).where(value.is_not(None), test(part))
        return exists(found)

    def _elements(self) -> Any:
        if self.sqlite:
            return func.json_each(self.custom, f"$.{self.field}")
        kept = self.custom.op("->", return_type=JSONB())(literal(self.field, String()))
        is_list = func.jsonb_typeof(kept) == "array"
        return func.jsonb_array_elements(case((is_list, kept), else_=literal([], JSONB())))


@dataclass(frozen=True, slots=True)
class Belonging:
    """The members of a group, or the groups of a user, as far as the tenant sees them."""

    sys_id: Value
    attribute: str
    tenant: str

    def some(self, test: Callable[[Element], Condition]) -> Condition:
        rows = GROUP_MEMBER.table.alias()
        mine, other, kind = rows.c.group, rows.c.user, USERS
        if self.attribute == "groups":
            mine, other, kind = rows.c.user, rows.c.group, GROUPS

        def part(name: str) -> Value:
            if name != "value":
                raise InvalidFilterException(detail=f"'{self.attribute}.{name}' cannot be sought")
            return other

        link = links.alias()
        seen = exists(
            select(literal(1)).where(belongs(link, kind, self.tenant), link.c.sys_id == other)
        )
        ended = exists(select(literal(1)).where(_ended(link, rows.c.sys_id, self.tenant)))
        return exists(select(literal(1)).where(mine == self.sys_id, seen, ~ended, test(part)))


def _ended(link: Any, membership: Value, tenant: str) -> Condition:
    """Whether a link says that the tenant has ended a membership."""
    return and_(
        link.c.sys_id == membership,
        link.c.table_name == members.TABLE,
        link.c.connection == tenant,
        link.c.stream == members.STREAM,
        link.c.deleted_at.is_not(None),
    )


def belongs(link: Any, kind: Kind, tenant: str) -> Condition:
    """Whether a link says that a record is one of the tenant's."""
    return and_(
        link.c.table_name == kind.table,
        link.c.connection == tenant,
        link.c.stream == kind.stream,
        link.c.deleted_at.is_(None),
    )
