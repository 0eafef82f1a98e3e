"""A dead record as a person mends it: read as if it had come so, and applied whole or not at all.

The record that came stays known as it came: when it comes again it is no news, and its next real
change takes the place of all that was edited. What was edited, by whom and when, is kept
(`hub.store.edits`), and the audit of the records that it made or changed names the edit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hub.mapping import Head, RecordFailed
from hub.mapping import Mapping as FieldMapping
from hub.mapping.faults import BadExpression
from hub.mapping.language import Path
from hub.mapping.parse import parse
from hub.store import audit, dead, edits, entities, links, records, sets
from hub.store.database import Database, Transaction
from hub.store.dead import Which
from hub.sync.connection import Connections
from hub.sync.inbound.absorb import absorb_records
from hub.sync.replay.retrying import record_of

LARGEST = 1024 * 1024  # bytes of JSON; or twice what came, if that is more


class NotEdited(Exception):
    """The edit cannot be; nothing has changed. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What an edit does to a record of ours. `changes` are (field, old, new)."""

    entity: str
    number: str
    created: bool
    changes: Sequence[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Edited:
    """What came of an edit. No effects: its mapping leaves it out, or we have it just so."""

    number: int
    effects: Sequence[Effect]


class _Undone(Exception):
    """Nobody sees it: it rolls a transaction back."""


def edit(
    db: Database, connections: Connections, letter: int, raw: bytes, *, seen: bytes, by: str,
    now: float, only_try: bool = False,
) -> Edited:  # fmt: skip
    """Read a dead record as `raw`, which `told` gives, in place of what was `seen` of it.

    All in one transaction, in the stream's turn; `only_try` rolls back in the end. Raises
    `NotEdited`, also where the edited record cannot be read either.
    """
    with _written(db, undone=only_try) as tx:
        return _edit(tx, connections, letter, raw, seen, by, now)


@contextmanager
def _written(db: Database, *, undone: bool) -> Iterator[Transaction]:
    with suppress(_Undone), db.write(durable=not undone) as tx:
        yield tx
        if undone:
            raise _Undone


def _edit(
    tx: Transaction, connections: Connections, letter: int, raw: bytes, seen: bytes, by: str,
    now: float,
) -> Edited:  # fmt: skip
    was = _open(tx, letter)
    connection = connections.get(was.connection)
    if connection is None or was.stream not in connection.mappings:
        raise NotEdited(f"r{letter}: {was.connection}/{was.stream} is no longer configured")
    links.take_turn(tx, was.connection, was.stream)
    was = _open(tx, letter)  # who had the turn may have moved on
    if bytes(was.raw) != seen:
        raise NotEdited(
            f"r{letter}: a newer change of the record came meanwhile, and cannot be read either; "
            f"look at it: hub dead show r{letter}"
        )
    mappings = connection.mappings[was.stream]
    keys = _keys(letter, seen, raw, mappings)
    record = record_of(was, raw, mappings[0])
    number = edits.save(tx, was, raw, version=record.version, by=by, now=now)
    job = f"edit/{number}"
    absorb_records(
        tx, connections, connection, was.stream, [record], now=datetime.fromtimestamp(now, UTC),
        job=job, by=by, again=True,
    )  # fmt: skip
    if still := dead.find(tx, Which(ids=[letter])):
        raise NotEdited(f"r{letter}: so it cannot be read either:\n{still[0].error}")
    return Edited(number, _effects(tx, was, keys, job))


def _open(tx: Transaction, letter: int) -> Any:
    found = dead.find(tx, Which(ids=[letter]))
    if not found:
        raise NotEdited(
            f"r{letter} is no dead record, or no longer: a newer change may have been read well; "
            "hub dead list shows what is dead"
        )
    return found[0]


def _keys(letter: int, seen: bytes, raw: bytes, mappings: Sequence[FieldMapping]) -> list[str]:
    """What the mappings call the edited record; raises `NotEdited` if it is another one."""
    keys: dict[str, None] = {}
    for mapping in mappings:
        before, after = mapping.heads([seen, raw])
        if isinstance(after, RecordFailed):
            raise NotEdited(f"r{letter}: so it cannot be read either:\n{after}")
        if not isinstance(before, RecordFailed) and _key(before) != _key(after):
            raise NotEdited(
                f"r{letter}: that would be another record, {after.key!r} and not {before.key!r}; "
                "an edit keeps the id"
            )
        keys[after.key] = None
    return list(keys)


def _key(head: Head) -> str:
    return head.key


def _effects(tx: Transaction, was: Any, keys: Sequence[str], job: str) -> list[Effect]:
    known = links.lookup(tx, was.connection, was.stream, keys)
    linked = {
        (link.table, link.sys_id): None for one in known.values() for link in one.links.values()
    }
    return [
        effect for table, sys_id in linked if sys_id and (effect := _effect(tx, table, sys_id, job))
    ]


def _effect(tx: Transaction, table: str, sys_id: str, job: str) -> Effect | None:
    """What the audit says that the edit did to a record; None for nothing."""
    mine = [one for one in audit.of_record(tx, table, sys_id) if one["hub_job_id"] == job]
    if not mine:
        return None
    entity = entities.find(table)
    row = records.find(tx, entity, sys_id) or {}
    created = any(one["fieldname"] == audit.WHOLE_RECORD for one in mine)
    if created:
        shown = [(name, "", row[name]) for name in entity.shape.fields if row.get(name) is not None]
        changes = [(name, old, audit.spelled(new) or "") for name, old, new in shown]
    else:
        changes = [(one["fieldname"], one["oldvalue"] or "", one["newvalue"] or "") for one in mine]
    return Effect(entity.name, str(row.get("number") or sys_id), created, sorted(changes))


def told(text: str | bytes, *, seen: bytes) -> bytes:
    """The JSON of a record that a person wrote; raises `NotEdited` for what is none."""
    most = max(LARGEST, 2 * len(seen))
    if len(text) > most:
        raise NotEdited(f"the record is larger than {most} bytes; write less into it")
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise NotEdited(
            f"not JSON: line {error.lineno}, column {error.colno}: {error.msg}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise NotEdited(f"not JSON: {error}") from error
    return written(value, seen=seen)


def _no_constant(name: str) -> Any:
    raise NotEdited(f"not JSON: there is no {name} in it")


def written(value: Any, *, seen: bytes) -> bytes:
    """A record's JSON; raises `NotEdited` unless it is an object, and not too large."""
    if not isinstance(value, dict):
        raise NotEdited("a record is an object: {…}")
    raw = sets.as_json(value)
    most = max(LARGEST, 2 * len(seen))
    if len(raw) > most:
        raise NotEdited(f"the record is larger than {most} bytes; write less into it")
    return raw


def with_set(record: Any, assignments: Sequence[str]) -> Any:
    """The record with `path=value` each; a path as mappings have them, a value in JSON, or a text.

    Changes the record. Raises `NotEdited`.
    """
    for one in assignments:
        path, sign, value = one.partition("=")
        if not sign:
            raise NotEdited(f"{one!r} is no assignment: PATH=VALUE")
        _set(record, path.strip(), _value(value))
    return record


def _value(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError:
        return text


def _set(record: Any, path: str, value: Any) -> None:
    try:
        tree = parse(path)
    except BadExpression as error:
        raise NotEdited(f"{path}: {error}") from error
    if not isinstance(tree, Path) or not tree.steps:
        raise NotEdited(f"{path!r} is no path: Status, address.city, lines[0].sku")
    *way, last = tree.steps
    place = record
    for step in way:
        place = _inside(place, step, path)
    _inside(place, last, path, new=True)
    place[last] = value


def _inside(place: Any, step: Any, path: str, *, new: bool = False) -> Any:
    """What is at one step; where it is to be set, a key need not be there."""
    if isinstance(step, str) and isinstance(place, dict):
        return place.get(step) if new else place.setdefault(step, {})
    if isinstance(step, int) and isinstance(place, list) and step < len(place):
        return place[step]
    what = f"item {step}" if isinstance(step, int) else f"{step!r}"
    raise NotEdited(f"{path}: there is no {what} in the record, and nothing to put it in")


def differences(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, str, str]]:
    """(path, before, after) in JSON, of each value that is not the same; empty for what is not."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*before, *after]):
            here = f"{path}.{key}" if path else key
            yield from _of(before.get(key, _NOTHING), after.get(key, _NOTHING), here)
    elif isinstance(before, list) and isinstance(after, list):
        for i in range(max(len(before), len(after))):
            old = before[i] if i < len(before) else _NOTHING
            new = after[i] if i < len(after) else _NOTHING
            yield from _of(old, new, f"{path}[{i}]")
    else:
        yield from _of(before, after, path)


_NOTHING = object()


def _of(before: Any, after: Any, path: str) -> Iterator[tuple[str, str, str]]:
    if before is _NOTHING or after is _NOTHING or type(before) is not type(after):
        yield path, _spelled(before), _spelled(after)
    elif isinstance(before, dict | list):
        yield from differences(before, after, path)
    elif before != after:
        yield path, _spelled(before), _spelled(after)


def _spelled(value: Any) -> str:
    return "" if value is _NOTHING else sets.as_json(value).decode()
