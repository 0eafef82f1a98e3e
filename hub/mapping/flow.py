"""Flows: mappings whose records are rows of this hub itself, one entity's read as another's.

    mapping: hub/case      what is read: rows of an entity, a key per field
    to: incident           what they become
    stamp: incident        the reference of theirs that names what they have become

What may be read and written is known beforehand: choices by their names, moments as ISO 8601,
references as the sys_ids that they are. Each function yields what is wrong, with its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hub.mapping import kinds
from hub.mapping.declaration import Part, Rule
from hub.mapping.faults import At, Flaw, Found, suggestion
from hub.mapping.inverse import written
from hub.mapping.language import (
    Compare,
    Expression,
    Items,
    Literal,
    Path,
    Pipe,
    Step,
    outcomes,
    record_paths,
    walk,
)
from hub.mapping.reader import Reader
from hub.shape import Field, Shape

OURS = "hub"
"""The spoke that flows name: this hub."""
ROW = "sys_id"
TASK = "task"  # what cases, incidents and work orders are
HEIRS = {"sys_user": "customer_contact"}
"""Tables whose rows are among those of another: a contact is a user as well."""


def source(reader: Reader, name: str) -> Shape | None:
    """The entity whose rows a mapping of this name reads; None for records of another system."""
    spoke, _, stream = name.partition("/")
    return reader.shape(stream, ("mapping",)) if spoke == OURS else None


def as_read(column: Field, tree: Expression, rows: Shape | None) -> Field:
    """Our column as the expression fills it: a reference of ours that is taken over is its text."""
    if rows is None or column.kind != "reference":
        return column
    taken = all(_field(one, rows) or one == Literal(None) for one in outcomes(tree))
    return replace(column, kind="string") if taken else column


def disagreements(
    data: Mapping[str, Any], rows: Shape, shape: Shape, accessors: Mapping[str, Expression],
    rules: Sequence[Rule], parts: Sequence[Part],
) -> Found:  # fmt: skip
    """What a flow cannot say, for what it reads and writes are rows of ours."""
    if rows.table == shape.table:
        yield Flaw(("to",), f"a flow leads to another entity, and {rows.name} is where it begins")
    if accessors.get("key") != Path((ROW,)):
        yield Flaw(("key",), f"a row of ours is known by its {ROW}: write key: {ROW}")
    yield from _stamp(data.get("stamp"), rows, shape)
    for part in parts:
        yield Flaw(("children", part.name), "a row of ours has no records inside it")
    for word, tree in accessors.items():
        yield from _reads(tree, rows, (word,))
    for rule in rules:
        at: At = ("fields", rule.field.name)
        if rule.read is not None:
            yield from _reads(rule.read, rows, at)
            yield from _refers(rule.read, rule.field, rows, at)
            yield from _keys(rule.read, rows, data.get("maps"))
        yield from _writes(rule, rows, at)


def _stamp(stamp: Any, rows: Shape, shape: Shape) -> Found:
    if not isinstance(stamp, str) or not stamp:
        return
    fitting = [name for name, field in rows.fields.items() if field.reference == shape.table]
    if stamp not in fitting:
        hint = suggestion(stamp, fitting) if fitting else "; remove the line"
        what = f"{rows.name} has no field {stamp!r} that refers to {shape.table}{hint}"
        yield Flaw(("stamp",), what)


def _reads(tree: Expression, rows: Shape, at: At) -> Found:
    """Every path is a field of theirs, and what is compared with a choice is one of its names."""
    for path in record_paths(tree):
        if what := _wrong_step(path.steps, rows):
            yield Flaw(at, what, path.spot)
    for node in walk(tree):
        if isinstance(node, Compare):
            yield from _names(node, rows, at)


def _refers(tree: Expression, column: Field, rows: Shape, at: At) -> Found:
    """What is taken over into a reference is one, to the same table."""
    if not column.reference or column.kind != "string":
        return
    for one in outcomes(tree):
        known = _field(one, rows)
        if known is None:
            continue
        leads = rows.table if known.name == ROW else known.reference
        if not _leads_to(leads, column.reference, rows):
            what = f"a reference to {leads}" if leads else "no reference"
            yield Flaw(at, f"refers to {column.reference}, and {known.name} is {what}", one.spot)


def _leads_to(table: str, wanted: str, rows: Shape) -> bool:
    """Whether a reference to this table is one to the wanted one, or to one that it is of."""
    task = wanted == TASK and any(field.reference == TASK for field in rows.fields.values())
    return table in {wanted, HEIRS.get(wanted)} or (task and table == rows.table)


def _wrong_step(steps: Sequence[Step], rows: Shape) -> str:
    name, *further = steps or ("u_",)
    if str(name).startswith("u_"):
        return ""
    known = rows.fields.get(name) if isinstance(name, str) else None
    if known is None:
        return f"{rows.name} has no field {name!r}{suggestion(name, rows.fields)}"
    if known.kind == "journal":
        return f"{name} is a journal, whose entries are no part of the row"
    if further and known.kind == "reference":
        return f"{name} is the sys_id of another record, which a flow does not read"
    if further and known.kind != "json":
        return f"{name} is one value, with nothing in it"
    return ""


def _names(tree: Compare, rows: Shape, at: At) -> Found:
    for one, other in ((tree.left, tree.right), (tree.right, tree.left)):
        column = _field(one, rows)
        for literal in other.parts if isinstance(other, Items) else (other,):
            value = literal.value if isinstance(literal, Literal) else None
            if column is not None and value is not None and (what := _no_name(column, value)):
                yield Flaw(at, what, literal.spot)


def _keys(tree: Expression, rows: Shape, maps: Any) -> Found:
    """The keys of a map through which a choice of theirs goes are names that it has."""
    for node in walk(tree):
        if not isinstance(node, Pipe) or node.name != "map":
            continue
        column, name = _field(node.source, rows), str(node.arguments[0])
        table = maps.get(name) if isinstance(maps, dict) else None
        if column is not None and isinstance(table, dict):
            for key in table:
                if key != "*" and (what := _no_name(column, key)):
                    yield Flaw(("maps", name, key), what)


def _no_name(column: Field, value: Any) -> str:
    """What is wrong with a value that a choice of ours is said to have; empty if nothing is."""
    if not column.choices or value in column.choices:
        return ""
    name = kinds.names_by_code(column.choices).get(str(value))
    hint = f"; write {name!r}" if name else suggestion(value, column.choices)
    return f"{column.name} is read by its names, and {value!r} is none{hint}"


def _writes(rule: Rule, rows: Shape, at: At) -> Found:
    """What is written back are fields of theirs that somebody may set."""
    ends: Iterable[tuple[At, tuple[Step, ...]]] = (
        [(at, rule.inverse.target)]
        if rule.inverse
        else [((*at, "out", written(out.target)), out.target) for out in rule.outs]
    )
    for place, target in ends:
        name = target[0]
        known = rows.fields.get(name) if isinstance(name, str) else None
        if known is None and not str(name).startswith("u_") and not rule.inverse:
            what = f"{rows.name} has no field {name!r}{suggestion(name, rows.fields)}"
            yield Flaw(place, what)
        elif known is not None and (known.read_only or name == "number"):
            yield Flaw(place, f"the store alone sets {name}: `out: {{}}` makes this inward only")


def _field(tree: Expression, rows: Shape) -> Field | None:
    """The field of theirs that an expression is."""
    if isinstance(tree, Path) and len(tree.steps) == 1 and isinstance(tree.steps[0], str):
        return rows.fields.get(tree.steps[0])
    return None
