"""Answering a parsed query: names are checked, rows filtered, ordered and rendered.

Every page of a result comes from one list that was made once: a cursor costs nothing to continue.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from spokes.salesforce.ids import id18, is_id
from spokes.salesforce.sandbox import soql
from spokes.salesforce.sandbox.objects import Field, Sobject
from spokes.salesforce.sandbox.refusal import Refused
from spokes.salesforce.sandbox.tables import Row, Tables, stamp

Read = Callable[[Row], Any]
_ORDERED = {"<": lt, ">": gt, "<=": le, ">=": ge}
_STAMP = ("systemmodstamp",)


class Result:
    """The rows of one query, and how each of them reads."""

    def __init__(self, name: str, rows: list[Row], render: Callable[[Row], Row]) -> None:
        self.name = name
        self.rows = rows
        self._render = render

    def page(self, start: int, size: int) -> list[Row]:
        return [self._render(row) for row in self.rows[start : start + size]]


def run(tables: Tables, query: soql.Query, *, deleted: bool) -> Result:
    """All rows that a query finds, in order; raises `Refused`."""
    if query.sobject not in tables:
        raise Refused(400, "INVALID_TYPE", f"sObject type '{query.sobject}' is not supported.")
    table = tables[query.sobject]
    names = _Names(tables, table.sobject)
    render = partial(_rendered, names.selection(query.fields))
    wanted = _predicate(query.where, names) if query.where else None
    first, last = _bounds(query.where)
    rows: Iterable[Row] = table.since(first, last)
    if not deleted:
        rows = (row for row in rows if not row["IsDeleted"])
    if wanted:
        rows = filter(wanted, rows)
    ordered = _sorted(rows, query.order, names)
    return Result(query.sobject, list(islice(ordered, query.limit)), render)


class _Names:
    """What the names of a query mean: fields, and relationships to follow."""

    def __init__(self, tables: Tables, start: Sobject) -> None:
        self._tables = tables
        self.start = start

    def field(self, path: tuple[str, ...], at: Sobject | None = None) -> Field:
        """The field at the end of a path; raises INVALID_FIELD, as for one that is hidden."""
        at, (name, *rest) = at or self.start, path
        if rest:
            return self.field(tuple(rest), self._tables[_target(self._relation(name, at))].sobject)
        found = next((f for f in at.fields.values() if f.name.lower() == name.lower()), None)
        if found is None or (at.name, found.name) in self._tables.hidden:
            raise Refused(
                400, "INVALID_FIELD", f"No such column '{name}' on entity '{at.name}'.", [name]
            )
        return found

    def read(self, path: tuple[str, ...], at: Sobject | None = None) -> Read:
        """A function from a row to the value at the end of a path, null where it breaks off."""
        at, (name, *rest) = at or self.start, path
        if not rest:
            return _value_of(self.field(path, at))
        relation = self._relation(name, at)
        inner = self.read(tuple(rest), self._tables[_target(relation)].sobject)

        def follow(row: Row) -> Any:
            other = self._row(relation, row)
            return inner(other) if other else None

        return follow

    def selection(self, paths: Iterable[tuple[str, ...]]) -> list[tuple[str, Read]]:
        """The keys of a rendered row, with nested objects for relationships."""
        chosen: dict[str, list[tuple[str, ...]]] = {}
        for path in paths:
            chosen.setdefault(path[0], []).append(path[1:])
        return [(self._key(name), self._selected(name, rest)) for name, rest in chosen.items()]

    def _key(self, name: str) -> str:
        known = [*self.start.fields, *(f.relation or "" for f in self.start.fields.values())]
        return next((k for k in known if k.lower() == name.lower()), name)

    def _selected(self, name: str, rests: list[tuple[str, ...]]) -> Read:
        if () in rests:
            if len(rests) > 1:
                raise Refused(400, "INVALID_FIELD", f"duplicate field selected: {name}", [name])
            return self.read((name,))
        relation = self._relation(name, self.start)
        target = self._tables[_target(relation)].sobject
        inner = _Names(self._tables, target).selection(rests)

        def nested(row: Row) -> Row | None:
            other = self._row(relation, row)
            return _rendered(inner, other) if other else None

        return nested

    def _relation(self, name: str, at: Sobject) -> Field:
        for field in at.fields.values():
            if (field.relation or "").lower() == name.lower() and (
                (at.name, field.name) not in self._tables.hidden
            ):
                return field
        raise Refused(
            400, "INVALID_FIELD", f"Didn't understand relationship '{name}' in field path.", [name]
        )

    def _row(self, relation: Field, row: Row) -> Row | None:
        other = row.get(relation.name)
        found = (self._tables[name].rows.get(other) for name in relation.to) if other else ()
        return next(filter(None, found), None)


def _target(relation: Field) -> str:
    return relation.to[0] if len(relation.to) == 1 else "Name"


def _value_of(field: Field) -> Read:
    name = field.name
    if field.type != "address":
        return lambda row: row.get(name)
    kind = name.removesuffix("Address")
    parts = ("street", "city", "state", "postalCode", "country")

    def address(row: Row) -> Any:
        whole = {part: row.get(f"{kind}{part[0].upper()}{part[1:]}") for part in parts}
        return whole if any(whole.values()) else None

    return address


def _rendered(selection: list[tuple[str, Read]], row: Row) -> Row:
    kind = row["_type"]
    url = f"/services/data/v66.0/sobjects/{kind}/{row['Id']}"
    out: Row = {"attributes": {"type": kind, "url": url}}
    for key, read in selection:
        out[key] = read(row)
    return out


def _predicate(condition: soql.Condition, names: _Names) -> Callable[[Row], bool]:
    match condition:
        case soql.Both(parts):
            all_of = [_predicate(part, names) for part in parts]
            return lambda row: all(test(row) for test in all_of)
        case soql.Either(parts):
            any_of = [_predicate(part, names) for part in parts]
            return lambda row: any(test(row) for test in any_of)
        case soql.Negated(part):
            test = _predicate(part, names)
            return lambda row: not test(row)
        case soql.Compare():
            return _comparison(condition, names)


def _comparison(condition: soql.Compare, names: _Names) -> Callable[[Row], bool]:
    field, read = names.field(condition.path), names.read(condition.path)
    fold = _fold(field)
    if isinstance(condition.value, tuple):
        among = {fold(_checked(value, field)) for value in condition.value}
        return lambda row: fold(read(row)) in among
    value = fold(_checked(condition.value, field))
    match condition.operator:
        case "=":
            return lambda row: eq(fold(read(row)), value)
        case "!=":
            return lambda row: ne(fold(read(row)), value)
        case "LIKE":
            pattern = _like(condition.value, field)
            return lambda row: pattern.match(str(read(row) or "")) is not None
        case operator:
            compare = _ORDERED[operator]
            return lambda row: (found := fold(read(row))) is not None and compare(found, value)


def _fold(field: Field) -> Callable[[Any], Any]:
    """How values of a field are compared: text without case, ids and times as they are."""
    if field.type in {"id", "reference", "datetime", "date"}:
        return lambda value: value
    if field.type == "boolean":
        return bool
    return lambda value: value.lower() if isinstance(value, str) else value


def _checked(value: soql.Value, field: Field) -> Any:
    """A literal as rows hold it; raises when it is of another type than the field."""
    if isinstance(value, str) and field.type in {"id", "reference"} and not is_id(value):
        raise Refused(400, "INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {value}")
    match field.type, value:
        case _, None:
            return None
        case "datetime", datetime():
            return stamp(value)
        case ("date", soql.Date()) | ("boolean", bool()):
            return value
        case "int" | "double" | "currency", int() | float() if not isinstance(value, bool):
            return value
        case "id" | "reference", str():
            return id18(value)
        case (("datetime" | "date" | "boolean" | "int" | "double" | "currency"), _):
            raise _wrong_type(field)
        case _, str() if not isinstance(value, soql.Date):
            return value.replace("\\_", "_").replace("\\%", "%")
        case _:
            raise _wrong_type(field)


def _wrong_type(field: Field) -> Refused:
    return Refused(
        400,
        "INVALID_FIELD",
        f"value of filter criterion for field '{field.name}' must be of type {field.type}",
        [field.name],
    )


def _like(value: Any, field: Field) -> re.Pattern[str]:
    if not isinstance(value, str) or field.type in {"id", "reference", "datetime", "date"}:
        raise Refused(400, "INVALID_QUERY_FILTER_OPERATOR", f"LIKE does not fit {field.name}")
    wild = {"%": ".*", "_": "."}
    parts = re.findall(r"\\[_%]|.", value, re.DOTALL)
    text = "".join(wild.get(part) or re.escape(part.removeprefix("\\")) for part in parts)
    return re.compile(rf"{text}\Z", re.IGNORECASE | re.DOTALL)


def _bounds(condition: soql.Condition | None) -> tuple[str | None, str | None]:
    """Stamps that a row must lie between to fulfil a condition, as far as that is plain to see."""
    match condition:
        case soql.Compare(path, operator, datetime() as at) if _lower(path) == _STAMP:
            lowest = stamp(at) if operator in {">", ">=", "="} else None
            return lowest, stamp(at) if operator in {"<", "<=", "="} else None
        case soql.Both(parts):
            bounds = [_bounds(part) for part in parts]
            firsts = [first for first, _ in bounds if first]
            lasts = [last for _, last in bounds if last]
            return max(firsts, default=None), min(lasts, default=None)
        case soql.Either(parts):
            bounds = [_bounds(part) for part in parts]
            firsts = [first for first, _ in bounds if first]
            lasts = [last for _, last in bounds if last]
            return (
                min(firsts) if len(firsts) == len(parts) else None,
                max(lasts) if len(lasts) == len(parts) else None,
            )
        case _:
            return None, None


def _lower(path: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.lower() for name in path)


def _sorted(rows: Iterable[Row], order: tuple[soql.Order, ...], names: _Names) -> Iterable[Row]:
    for term in order:
        names.field(term.path)
    ascending = not any(term.descending for term in order)
    if ascending and [_lower(term.path) for term in order] in ([_STAMP], [_STAMP, ("id",)]):
        return rows  # the table's own order
    ordered = list(rows)
    for term in reversed(order):
        read, fold = names.read(term.path), _fold(names.field(term.path))
        empty = [row for row in ordered if read(row) is None]
        filled = [row for row in ordered if read(row) is not None]
        filled.sort(key=lambda row, read=read, fold=fold: fold(read(row)), reverse=term.descending)  # type: ignore[misc]
        ordered = filled + empty if term.nulls_last else empty + filled
    return ordered


def seconds(text: str) -> datetime:
    """A stamp, or a time of a query parameter, as a moment."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
