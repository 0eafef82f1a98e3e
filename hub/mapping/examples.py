"""Runs the examples of a mapping file, which are its tests, and its law of the way back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from hub.mapping.declaration import Example, Rule
from hub.mapping.explained import explain
from hub.mapping.faults import Failure, RecordFailed
from hub.mapping.functions import plain
from hub.mapping.kinds import Ref, coercion
from hub.mapping.mapping import Mapping
from hub.mapping.pipes import moment
from hub.shape import Field, Shape

MISSING = object()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an example ended: with no faults if it holds. `place` is its `file:line`."""

    name: str
    place: str
    faults: tuple[str, ...]


def run_examples(mapping: Mapping) -> list[Outcome]:
    """Every example of the mapping, in order.

    `want` of `given` names the fields that must come out so; `want: null` says that `when` leaves
    the record out. `want` of `back` is everything that is sent.
    """
    return [
        Outcome(example.name, example.place, tuple(_check(mapping, example)))
        for example in mapping.declaration.examples
    ]


def check_examples(mapping: Mapping) -> list[str]:
    """One line per expectation that fails, `file:line: example 'name': …`; empty if all hold."""
    return [
        f"{outcome.place}: example {outcome.name!r}: {fault}"
        for outcome in run_examples(mapping)
        for fault in outcome.faults
    ]


def untouched(mapping: Mapping) -> list[str]:
    """The fields that no example says anything of."""
    touched: set[str] = set()
    for example in mapping.declaration.examples:
        for word in ("want", "error", "back"):
            if word == "want" and "back" in example.data:
                continue
            for name, value in (example.data.get(word) or {}).items():
                touched.add(str(name))
                for entry in value if isinstance(value, list) else ():
                    inner = entry if isinstance(entry, dict) else {}
                    touched |= {f"{name}.{field}" for field in inner}
    return [line.field for line in explain(mapping) if line.field not in touched]


def _check(mapping: Mapping, example: Example) -> Iterator[str]:
    data = example.data
    if "back" in data:
        yield from _check_back(mapping, data)
    elif "error" in data:
        yield from _check_error(mapping, data)
    elif data.get("want") is None:
        if mapping.applies(_as_json(data["given"])):
            yield "`when` should leave this record out, and does not"
    else:
        yield from _check_given(mapping, data)


def _check_given(mapping: Mapping, data: Any) -> Iterator[str]:
    record, refs = _as_json(data["given"]), _refs(data)
    try:
        if not mapping.applies(record):
            yield "`when` leaves this record out"
            return
        if mapping.on_delete and mapping.deleted(record):
            yield from _check_deleted(mapping, data["want"])
            return
        values, children = mapping.inward(record), mapping.children(record)
    except RecordFailed as error:
        yield str(error)
        return
    for name, wanted in data["want"].items():
        if name in mapping.child_entities:
            yield from _compare_children(mapping, name, wanted, children.get(name), refs)
        else:
            column = _column(mapping.declaration.shape, name)
            yield from _compare(name, column, wanted, values.get(name, MISSING), refs)
    yield from _check_round_trip(mapping, values, refs)


def _check_deleted(mapping: Mapping, wanted: dict[str, Any]) -> Iterator[str]:
    """Of a record that says that it is gone, ours says what `on_delete` sets, and no more."""
    for name, value in wanted.items():
        column = _column(mapping.declaration.shape, name)
        yield from _compare(name, column, value, mapping.on_delete.get(name, MISSING), {})


def _check_error(mapping: Mapping, data: Any) -> Iterator[str]:
    record = _as_json(data["given"])
    reasons: dict[str, str] = {}
    for read in (mapping.key, mapping.applies, mapping.inward, mapping.children):
        try:
            read(record)
        except RecordFailed as error:
            reasons |= {fault.field: fault.reason for fault in error.faults}
    for name, wanted in data["error"].items():
        if name not in reasons:
            yield f"{name}: should fail with {wanted!r}, and does not"
        elif str(wanted) not in reasons[name]:
            yield f"{name}: fails with {reasons[name]!r}, not with {wanted!r}"


def _check_back(mapping: Mapping, data: Any) -> Iterator[str]:
    refs = {(stream, ours): theirs for (stream, theirs), ours in _refs(data).items()}
    try:
        values = {
            name: _kept(_column(mapping.declaration.shape, name), value)
            for name, value in data["back"].items()
        }
        sent = mapping.outward(values, refs)
    except (Failure, RecordFailed) as error:
        wanted = data.get("error")
        if wanted is None or not all(str(reason) in str(error) for reason in wanted.values()):
            yield str(error)
        return
    if "error" in data:
        yield f"should fail with {data['error']!r}, and sends {sent!r}"
    elif sent != _as_json(data["want"]):
        yield f"want {_as_json(data['want'])!r}, got {sent!r}"


def _check_round_trip(
    mapping: Mapping, values: dict[str, Any], refs: dict[tuple[str, str], str]
) -> Iterator[str]:
    """Law 3, on every field that goes both ways and whose value has a way back."""
    ours = {(stream, sys_id): theirs for (stream, theirs), sys_id in refs.items()}
    for rule in mapping.declaration.rules:
        name = rule.field.name
        if rule.read is None or rule.inverse is None or name not in values:
            continue
        value = values[name]
        if isinstance(value, Ref):
            ours.setdefault((value.stream, value.id), value.id)
            value = refs.get((value.stream, value.id), value.id)
        try:
            sent = mapping.outward({name: value}, ours)
        except RecordFailed:
            continue  # what `"*"` or `or` gave has no way back, and is not written
        try:
            again = mapping.inward_alone(name, sent).get(name, MISSING)
        except RecordFailed as error:
            yield f"round trip: {sent!r} cannot be read again: {error}"
            continue
        yield from (f"round trip: {fault}" for fault in _back_again(rule, value, again, refs))


def _back_again(
    rule: Rule, value: Any, again: Any, refs: dict[tuple[str, str], str]
) -> Iterator[str]:
    if isinstance(again, Ref):
        again = refs.get((again.stream, again.id), again.id)
    if again is MISSING or again != value:
        got = "nothing" if again is MISSING else repr(again)
        yield f"{rule.field.name}: {value!r} comes back as {got}"


def _compare_children(
    mapping: Mapping, name: str, wanted: Any, got: Any, refs: dict[tuple[str, str], str]
) -> Iterator[str]:
    part = next(part for part in mapping.declaration.parts if part.name == name)
    if got is None or len(got) != len(wanted or ()):
        yield f"{name}: want {len(wanted or ())} entries, got {'none' if got is None else len(got)}"
        return
    for index, (entry, child) in enumerate(zip(wanted or (), got, strict=True)):
        for field, value in entry.items():
            where = f"{name}[{index}].{field}"
            if field == "key" and "key" not in part.shape.fields:
                if str(value) != child.key:
                    yield f"{where}: want {value!r}, got {child.key!r}"
            else:
                column = _column(part.shape, field)
                yield from _compare(where, column, value, child.values.get(field, MISSING), refs)


def _compare(
    name: str, column: Field, wanted: Any, got: Any, refs: dict[tuple[str, str], str]
) -> Iterator[str]:
    if isinstance(got, Ref):
        got = refs.get((got.stream, got.id), got.id)
    try:
        expected = _kept(column, wanted)
    except Failure as failure:
        yield f"{name}: what is wanted does not fit the field: {failure}"
        return
    if got is MISSING:
        yield f"{name}: want {expected!r}, got nothing: its paths are absent, or the record is gone"
    elif got != expected:
        yield f"{name}: want {expected!r}, got {got!r}"


def _kept(column: Field, value: Any) -> Any:
    """A value as an example writes it, in the form of its column."""
    if column.kind == "reference":
        return None if value is None else str(value)
    if column.kind == "instant" and isinstance(value, str):
        return coercion(column).call(moment(value, "UTC"))
    return coercion(column).call(value)


def _column(shape: Shape, name: str) -> Field:
    return shape.fields.get(name) or Field(name, "string")


def _refs(data: Any) -> dict[tuple[str, str], str]:
    """(stream, their id) → our sys_id."""
    return {
        (str(stream), str(theirs)): str(ours)
        for stream, pairs in (data.get("refs") or {}).items()
        for theirs, ours in pairs.items()
    }


def _as_json(value: Any) -> Any:
    """YAML's dates as JSON has them: as text."""
    if isinstance(value, dict):
        return {key if isinstance(key, str) else str(key): _as_json(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_as_json(item) for item in value]
    return plain(value) if isinstance(value, date | datetime) else value
