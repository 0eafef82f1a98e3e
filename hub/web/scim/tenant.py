"""One tenant's users and groups, as scim2-server reads and writes them: a `ScimStorage`.

A tenant is a directory that pushes. It sees what it created or adopted: what it has links to, by
the name that it gave (`externalId`), or else by our sys_id.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from scim2_models import (
    NotFoundException,
    NotImplementedException,
    Path,
    PreconditionFailedException,
    Resource,
    ResourceType,
    ResponseParameters,
    ScimProvider,
    SearchRequest,
)
from scim2_models.path import FilterNode
from scim2_server.storage import ScimStorage, SearchPage
from sqlalchemy import ColumnElement, Select, exists, func, literal, select

from hub.store import links as known
from hub.store import records, sets
from hub.store.database import Transaction
from hub.store.records import Row
from hub.store.system import links
from hub.web.scim import members, writing
from hub.web.scim.attributes import KINDS, JsonObject, Kind, read
from hub.web.scim.conditions import Conditions, equality
from hub.web.scim.lists import belongs
from hub.web.scim.writing import Tenant

LISTS = {
    "User": ("groups", members.of_users, members.shown_groups),
    "Group": ("members", members.of_groups, members.shown_members),
}
"""Which attribute says who belongs to whom, where that is found, and how it is shown."""


class TenantStorage(ScimStorage):
    """For one request, or several one after the other; `writes` unless they only read."""

    def __init__(self, tenant: Tenant, provider: ScimProvider, *, writes: bool = True) -> None:
        self._tenant, self._provider, self._writes = tenant, provider, writes
        self._open: Transaction | None = None

    @contextmanager
    def operation(self) -> Iterator[None]:
        """One transaction: all that a request does, or nothing."""
        with self._transaction():
            yield

    def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,
    ) -> Resource[Any]:
        kind = _kind(resource_type)
        with self._transaction() as tx:
            row = self._row(tx, kind, resource_id)
            return self._resources(tx, kind, [row], response_parameters)[0]

    def search(
        self,
        resource_types: list[ResourceType],
        search_request: SearchRequest[Any],
        *,
        position: Any = None,
    ) -> SearchPage:
        del position  # of a cursor: none is announced
        if search_request.sort_by is not None and len(resource_types) > 1:
            raise NotImplementedException(detail="Only resources of one type can be sorted")
        start, most = search_request.start_index_0 or 0, search_request.count
        found, total = list[Resource[Any]](), 0
        with self._transaction() as tx:
            for kind in map(_kind, resource_types):
                count, rows = self._page(tx, kind, search_request, max(0, start - total), most)
                found += self._resources(tx, kind, rows, search_request)
                total += count
                most = None if most is None else most - len(rows)
        return SearchPage(total, found)

    def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        kind = _kind(resource_type)
        with self._transaction() as tx:
            row = writing.create(tx, self._tenant, kind, resource.model_dump())
            return self._resources(tx, kind, [row])[0]

    def update(
        self,
        resource_type: ResourceType,
        resource: Resource[Any],
        *,
        expected_version: str | None = None,
    ) -> Resource[Any]:
        kind = _kind(resource_type)
        with self._transaction() as tx:
            row = self._row_to_change(tx, kind, str(resource.id), expected_version)
            row = writing.change(tx, self._tenant, kind, row, resource.model_dump())
            return self._resources(tx, kind, [row])[0]

    def delete(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        expected_version: str | None = None,
    ) -> None:
        kind = _kind(resource_type)
        with self._transaction() as tx:
            row = self._row_to_change(tx, kind, resource_id, expected_version)
            writing.give_up(tx, self._tenant, kind, row)

    # -- rows --------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[Transaction]:
        """The one that is open, or one of its own."""
        if self._open is not None:
            yield self._open
            return
        db = self._tenant.db
        with db.write(durable=True) if self._writes else db.read() as tx:
            self._open = tx
            try:
                yield tx
            finally:
                self._open = None

    def _mine(self, kind: Kind) -> Select[Any]:
        table = kind.entity.table
        return select(table).join(links, links.c.sys_id == table.c.sys_id).where(self._linked(kind))

    def _near(self, kind: Kind, node: FilterNode) -> Select[Any]:
        """The tenant's rows, so written that the database begins where the fewest are.

        Left to choose, SQLite goes through all links of a tenant to find one name.
        """
        table = kind.entity.table
        if equality(node, "id", "username"):
            return select(table).where(
                exists(
                    select(literal(1)).where(links.c.sys_id == table.c.sys_id, self._linked(kind))
                )
            )
        if (named := equality(node, "externalid")) and isinstance(named.value, str):
            return self._mine(kind).where(links.c.external_id == named.value)
        return self._mine(kind)

    def _linked(self, kind: Kind) -> ColumnElement[bool]:
        return belongs(links, kind, self._tenant.name)

    def _row(self, tx: Transaction, kind: Kind, sys_id: str) -> Row:
        if "\0" not in sys_id:
            asked = self._mine(kind).where(kind.entity.table.c.sys_id == sys_id)
            if row := tx.execute(asked).first():
                return sets.named(row)
        raise NotFoundException(detail=f"{kind.name} {sys_id!r} not found")

    def _row_to_change(
        self, tx: Transaction, kind: Kind, sys_id: str, expected_version: str | None
    ) -> Row:
        """The row as it is once nobody else can change it."""
        known.take_turn(tx, "scim", kind.stream)
        records.lock(tx, kind.entity, [sys_id])
        row = self._row(tx, kind, sys_id)
        if expected_version is not None and version(row) != expected_version:
            raise PreconditionFailedException
        return row

    def _page(
        self, tx: Transaction, kind: Kind, asked: SearchRequest[Any], start: int, most: int | None
    ) -> tuple[int, list[Row]]:
        """How many match, and the rows of the page. Two statements at most."""
        model = self._model(kind)
        conditions = Conditions(kind, model, self._tenant.name, sqlite=self._tenant.db.sqlite)
        found = self._mine(kind)
        if asked.filter is not None:
            node = asked.filter.ast
            found = self._near(kind, node).where(conditions.visit(node))
        counted = found.with_only_columns(func.count(), maintain_column_froms=True)
        total: int = tx.execute(counted).scalar_one()
        if most == 0 or start >= total:
            return total, []
        order: list[ColumnElement[Any]] = [kind.entity.table.c.sys_id]
        if asked.sort_by is not None:
            bound: Any = Path
            by = conditions.order(bound[model](str(asked.sort_by)))
            down = asked.sort_order == SearchRequest.SortOrder.descending
            order = [_directed(by.is_(None), down=down), _directed(by, down=down), *order]
        rows = tx.execute(found.order_by(*order).offset(start).limit(most))
        return total, [sets.named(row) for row in rows]

    # -- resources ---------------------------------------------------------------------------

    def _model(self, kind: Kind) -> type[Resource[Any]]:
        return cast("type[Resource[Any]]", self._provider.model_for(kind.name))

    def _resources(
        self,
        tx: Transaction,
        kind: Kind,
        rows: Sequence[Row],
        wanted: ResponseParameters[Any] | None = None,
    ) -> list[Resource[Any]]:
        attribute, of, shown = LISTS[kind.name]
        listed: dict[str, list[members.Belonging]] = {}
        if rows and wants(wanted, attribute):
            listed = of(tx, self._tenant.name, [row["sys_id"] for row in rows])
        made = []
        for row in rows:
            said = read(kind, row) | _meta(kind, row)
            if those := listed.get(row["sys_id"]):
                said[attribute] = shown(those)
            made.append(self._model(kind).model_validate(said))
        return made


def version(row: Row) -> str:
    """A weak ETag, by which we know our own ones again."""
    return f'W/"hub-{row["sys_id"][-8:]}-{row["sys_mod_count"]}"'


def wants(asked: ResponseParameters[Any] | None, attribute: str) -> bool:
    """Whether an answer may have any of this attribute."""
    if asked is None:
        return True
    if asked.attributes:
        return any(_name(path).partition(".")[0] == attribute for path in asked.attributes)
    return all(_name(path) != attribute for path in asked.excluded_attributes or ())


def _name(path: Path[Any]) -> str:
    """Without the schema that it may be qualified by."""
    return str(path).lower().rpartition(":")[2]


def _directed(value: ColumnElement[Any], *, down: bool) -> ColumnElement[Any]:
    return value.desc() if down else value.asc()


def _kind(resource_type: ResourceType) -> Kind:
    return KINDS[str(resource_type.name)]


def _meta(kind: Kind, row: Row) -> JsonObject:
    return {
        "id": row["sys_id"],
        "meta": {
            "resourceType": kind.name,
            "created": row["sys_created_on"],
            "lastModified": row["sys_updated_on"],
            "version": version(row),
        },
    }
