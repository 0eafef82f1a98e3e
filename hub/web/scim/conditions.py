"""A SCIM filter as a condition in SQL: it finds what `ScimFilter.match` would.

An attribute is a column, a custom field, or a list: of a custom field's elements, or of the rows
that say who belongs to which group.
"""

from __future__ import annotations

from typing import Any

from scim2_models import InvalidFilterException, InvalidPathException, Path, Resource, ScimFilter
from scim2_models.path import (
    AttributeBinding,
    AttrPath,
    CompareOperator,
    Comparison,
    FilterNode,
    FilterVisitor,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
)
from scim2_models.path.resolution import coerce_value
from sqlalchemy import JSON, String, and_, false, literal, not_, or_, true

from hub.web.scim.attributes import Kind, Place
from hub.web.scim.compare import Compare, Condition, Value, nothing
from hub.web.scim.lists import Belonging, Element, Elements, Listed
from hub.web.scim.published import ENTERPRISE

MANAGER = (ENTERPRISE, "manager")
_FIXED = {
    ("id",): "sys_id",
    ("meta", "created"): "sys_created_on",
    ("meta", "lastModified"): "sys_updated_on",
}


class Conditions(FilterVisitor[Condition]):
    """Makes conditions on the rows of one kind of resource, as one tenant sees them.

    Raises `InvalidFilterException` for what is kept in no form that can be sought.
    """

    def __init__(
        self, kind: Kind, model: type[Resource[Any]], tenant: str, *, sqlite: bool
    ) -> None:
        self.kind, self.tenant, self.compare = kind, tenant, Compare(sqlite)
        self._row = kind.entity.table.c
        bound: Any = ScimFilter
        self._bound: ScimFilter[Any] = bound[model]("id pr")

    def order(self, by: Path[Any]) -> Value:
        """What to sort by; raises `InvalidPathException` for lists."""
        binding = by.resolve()
        refused = InvalidPathException(path=str(by), detail=f"'{by}' cannot be sorted by")
        if binding is None or binding.is_multivalued:
            raise refused
        try:
            return self.compare.ordered(self._value(binding), binding)
        except InvalidFilterException:
            raise refused from None

    def bind(self, path: AttrPath) -> AttributeBinding | None:
        return self._bound.resolve(path, strict=False)

    def visit_not(self, node: Not) -> Condition:
        return not_(self.visit(node.expr))

    def visit_logical_expr(self, node: LogicalExpr) -> Condition:
        return joined(self, node)

    def visit_present(self, node: Present) -> Condition:
        binding = self.bind(node.attr_path)
        if binding is None:
            return false()
        if binding.is_multivalued:
            return self._elements(binding).some(_has_part(self, binding))
        path = path_of(binding)
        inside = [p for p in self.kind.places.values() if p.path[: len(path)] == path != p.path]
        if inside:
            return or_(*(self._kept(place).is_not(None) for place in inside))
        return self.compare.present(self._value(binding), binding)

    def visit_comparison(self, node: Comparison) -> Condition:
        binding = self._bound.resolve_comparison(node.attr_path, strict=False)
        if binding is None:
            return false()
        expected = coerce_value(binding, node.value, node.op)
        if binding.is_multivalued:
            return self._among(binding, node.op, expected)
        return self.compare(self._value(binding), node.op, expected, binding)

    def visit_value_path(self, node: ValuePath) -> Condition:
        binding = self.bind(node.attr_path)
        if binding is None:
            return false()
        return self._elements(binding).some(
            lambda element: _Within(self, node.attr_path, element).visit(node.val_filter)
        )

    def _among(self, binding: AttributeBinding, op: CompareOperator, expected: Any) -> Condition:
        """Of several values one is enough; for `ne`, none may be equal."""
        elements, part = self._elements(binding), part_of(binding)
        if expected is None:
            empty = elements.some(lambda element: element(part).is_(None))
            return nothing(op, elements.some(lambda _: true()), empty)
        negated = op == CompareOperator.ne
        sought = CompareOperator.eq if negated else op
        found = elements.some(
            lambda element: self.compare(element(part), sought, expected, binding)
        )
        return not_(found) if negated else found

    def _value(self, binding: AttributeBinding) -> Value:
        """What a path with a single value stands for."""
        path = path_of(binding)
        if path in _FIXED:
            return self._row[_FIXED[path]]
        if path in {MANAGER, (*MANAGER, "value")} and MANAGER in self.kind.places:
            return _part(self._row.hub_custom, self.kind.places[MANAGER].field, "value")
        place = self.kind.places.get(path)
        if place is None:
            raise InvalidFilterException(detail=f"'{binding.urn}' cannot be sought")
        return self._kept(place)

    def _kept(self, place: Place) -> Value:
        if not place.custom:
            return self._row[place.field]
        return _text(self._row.hub_custom, place.field)

    def _elements(self, binding: AttributeBinding) -> Elements:
        place = self.kind.places.get(path_of(binding)[:1])
        if place is not None:
            return Listed(self._row.hub_custom, place.field, sqlite=self.compare.sqlite)
        if binding.field_name in {"members", "groups"}:
            return Belonging(self._row.sys_id, binding.field_name, self.tenant)
        raise InvalidFilterException(detail=f"'{binding.urn}' cannot be sought")


class _Within(FilterVisitor[Condition]):
    """The filter in brackets: conditions on one element of a list."""

    def __init__(self, outer: Conditions, head: AttrPath, element: Element) -> None:
        self._outer, self._head, self._element = outer, head, element

    def visit_not(self, node: Not) -> Condition:
        return not_(self.visit(node.expr))

    def visit_logical_expr(self, node: LogicalExpr) -> Condition:
        return joined(self, node)

    def visit_present(self, node: Present) -> Condition:
        binding = self._bind(node.attr_path)
        if binding is None:
            return false()
        return self._outer.compare.present(self._element(part_of(binding)), binding)

    def visit_comparison(self, node: Comparison) -> Condition:
        binding = self._bind(node.attr_path)
        if binding is None:
            return false()
        expected = coerce_value(binding, node.value, node.op)
        return self._outer.compare(self._element(part_of(binding)), node.op, expected, binding)

    def _bind(self, path: AttrPath) -> AttributeBinding | None:
        return self._outer.bind(AttrPath(self._head.attr, path.attr, self._head.uri))


def equality(node: FilterNode, *attributes: str) -> Comparison | None:
    """The comparison with `eq` of one of these attributes that must hold, if there is one."""
    match node:
        case Comparison(op=CompareOperator.eq) if str(node.attr_path).lower() in attributes:
            return node
        case LogicalExpr(op=LogicalOperator.and_):
            found = (equality(term, *attributes) for term in node.terms)
            return next(filter(None, found), None)
        case _:
            return None


def joined(visitor: FilterVisitor[Condition], node: LogicalExpr) -> Condition:
    terms: tuple[FilterNode, ...] = node.terms
    join = and_ if node.op == LogicalOperator.and_ else or_
    return join(*(visitor.visit(term) for term in terms))


def path_of(binding: AttributeBinding) -> tuple[str, ...]:
    """The names by which SCIM's JSON leads to an attribute."""
    model: Any = binding.model
    head = model._scim_name(binding.field_name)  # noqa: SLF001 -- the library offers no other way
    urn = str(model.__schema__)
    above = (urn,) if urn == ENTERPRISE else ()
    below = (part_of(binding),) if binding.sub_field_name else ()
    return (*above, head, *below)


def part_of(binding: AttributeBinding) -> str:
    """What the part of an element is called that is compared."""
    model: Any = binding.target_model
    if binding.sub_field_name is None or model is None:
        return "value"
    return str(model._scim_name(binding.sub_field_name))  # noqa: SLF001


def _has_part(conditions: Conditions, binding: AttributeBinding) -> Any:
    def there(element: Element) -> Condition:
        if binding.sub_field_name is None:
            return true()
        return conditions.compare.present(element(part_of(binding)), binding)

    return there


def _text(custom: Value, field: str) -> Value:
    return custom.op("->>", return_type=String())(literal(field, String()))


def _part(custom: Value, field: str, part: str) -> Value:
    inside: Value = custom.op("->", return_type=JSON())(literal(field, String()))
    return _text(inside, part)
