"""The records of the sandbox: searched by domain, read with what they refer to, and written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from operator import ge, gt, le, lt
from typing import Any

from hub.testing import Clock, Tables
from spokes.tryton.sandbox.faults import ENDLESS, MODIFIED, failed, missing, unknown, user_error
from spokes.tryton.sandbox.models import MODELS, PARTY, SALE, SEED, Model

Row = dict[str, Any]
COMPARED: dict[str, Callable[[Any, Any], bool]] = {">": gt, ">=": ge, "<": lt, "<=": le}
STAMPS = ("create_date", "write_date")
PARTS = ("year", "month", "day", "hour", "minute", "second", "microsecond")


class Store:
    """Rows by model. `when` holds the `at` and `visible_at` of the command that is carried out.

    A part is made through its record, and never given to another one.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tables = Tables(clock, MODELS)
        self._last = dict.fromkeys(MODELS, 0)
        self._codes: dict[str | None, int] = {}
        self._owned: dict[tuple[str, int], list[int]] = {}
        for model, rows in SEED.items():
            for row in rows:
                self.create(model, dict(row), {})

    # -- reading

    def rows(self, model: str) -> list[Row]:
        """All that is visible now, in order of ids."""
        found = [row for row in self._tables.rows(model) if not row["deleted"]]
        return sorted(found, key=lambda row: int(row["id"]))

    def row(self, model: str, id: int) -> Row | None:
        row = self._tables.get(model, str(id))
        return None if row is None or row["deleted"] else row

    def search(self, model: str, domain: Sequence[Any], *, archived: bool) -> list[Row]:
        """What fits a domain; archived records only if they are wanted, or asked for."""
        fits = self._fitting(model, domain)
        every = archived or "active" in str(domain) or not MODELS[model].archives
        match domain:
            case [["id", "in" | "=", ids]]:  # most of what is asked, among thousands
                named = sorted(set(ids)) if isinstance(ids, list) else [ids]
                rows = [row for id in named if (row := self.row(model, id))]
            case _:
                rows = [row for row in self.rows(model) if fits(row)]
        return [row for row in rows if every or row["active"]]

    def _fitting(self, model: str, domain: Sequence[Any]) -> Callable[[Row], bool]:
        match list(domain):
            case ["OR", *clauses]:
                some = [self._fitting(model, clause) for clause in clauses]
                return lambda row: any(fits(row) for fits in some)
            case ["AND", *clauses]:
                return self._fitting(model, clauses)
            case [str(name), str(operator), wanted]:
                holds = _comparison(operator, wanted)
                if name in STAMPS:
                    return lambda row: holds(_stamp(row, name))
                return lambda row: any(map(holds, self._values(model, row, name)))
            case clauses if all(isinstance(clause, list) for clause in clauses):
                every = [self._fitting(model, clause) for clause in clauses]
                return lambda row: all(fits(row) for fits in every)
            case _:
                raise ENDLESS

    def _values(self, model: str, row: Row, name: str) -> Iterator[Any]:
        """What a path says: several values where it leads through a list."""
        first, _, rest = name.partition(".")
        shape = MODELS[model]
        if not rest:
            yield self.value(model, row, first)
        elif first in shape.parts:
            part, _ = shape.parts[first]
            for one in self.parts(model, row, first):
                yield from self._values(part, one, rest)
        elif first in shape.refers:
            target = self.row(shape.refers[first], row[first]) if row[first] else None
            yield from self._values(shape.refers[first], target, rest) if target else [None]
        else:
            raise unknown(first)

    def value(self, model: str, row: Row, name: str) -> Any:
        """A field of a record, in Tryton's types."""
        shape = MODELS[model]
        if name in shape.parts:
            return [int(one["id"]) for one in self.parts(model, row, name)]
        match name:
            case "id":
                return int(row["id"])
            case "create_date" | "write_date":
                at = _stamp(row, name)
                return None if at is None else typed(at)
            case "_timestamp":  # whole seconds, as on SQLite
                return str(int(datetime.fromisoformat(row["changed"]).timestamp()))
            case _ if name in shape.columns or name in shape.refers:
                return row[name]
            case _:
                raise unknown(name)

    def parts(self, model: str, row: Row, name: str) -> list[Row]:
        part, _ = MODELS[model].parts[name]
        owned = self._owned.get((part, int(row["id"])), ())
        return [one for id in owned if (one := self.row(part, id))]

    # -- writing

    def create(self, model: str, values: Row, when: Row) -> int:
        shape = MODELS[model]
        own, lists = _split(model, values)
        self._last[model] += 1
        id = int(when.get("id") or self._last[model])
        row = {**shape.columns, **dict.fromkeys(shape.refers), **own}
        if model == PARTY:
            row["code"] = row["code"] or str(id)
        self._check(model, id, row)
        at = str(when.get("at") or self._clock.now().isoformat())
        at = datetime.fromisoformat(at).replace(microsecond=0).isoformat()
        kept: Row = {key: when[key] for key in ("at", "visible_at") if key in when}
        self._obey("create", model, id, row | {"create_date": at, "written": False}, kept)
        self._write_parts(model, id, lists, kept)
        return id

    def write(
        self, model: str, id: int, values: Row, when: Row, seen: dict[str, str] | None = None
    ) -> None:
        row = self.row(model, id)
        if row is None and not when:
            raise missing("write to", MODELS[model].title, [id])
        stamp = (seen or {}).get(f"{model},{id}")
        if row is not None and stamp not in (None, self.value(model, row, "_timestamp")):
            raise MODIFIED
        own, lists = _split(model, values)
        self._check(model, id, own)
        self._obey("update", model, id, own | {"written": True}, when)
        self._write_parts(model, id, lists, when, seen)

    def delete(self, model: str, id: int) -> None:
        """What is not there is deleted already. What anything refers to is not."""
        if self.row(model, id) is None:
            return
        if model == PARTY and any(sale["party"] == id for sale in self.rows(SALE)):
            raise user_error(
                'The records could not be deleted because they are used by field "Party" of "Sale".'
            )
        for part, _ in MODELS[model].parts.values():
            for one in self._owned.get((part, id), ()):
                self.delete(part, one)
        self._obey("delete", model, id, None, {})

    def _write_parts(
        self, model: str, id: int, lists: Row, when: Row, seen: dict[str, str] | None = None
    ) -> None:
        for name, commands in lists.items():
            part, owner = MODELS[model].parts[name]
            for command in commands or ():
                match command:
                    case ["create", [*made]]:
                        for values in made:
                            one = self.create(part, {**values, owner: id}, when)
                            self._owned.setdefault((part, id), []).append(one)
                    case ["write", [*ids], dict(values)]:
                        for one in ids:
                            self.write(part, one, values, when, seen)
                    case ["delete", [*ids]]:
                        for one in ids:
                            self.delete(part, one)
                    case _:
                        raise unknown(command[0])

    def _check(self, model: str, id: int, values: Row) -> None:
        shape = MODELS[model]
        for name, choices in shape.choices.items():
            if name in values and values[name] not in choices:
                label = name.replace("_", " ").title()
                raise user_error(
                    f'The value "{values[name]}" for field "{label}" in "{id}" of "{shape.title}" '
                    "is not one of the allowed options."
                )
        if model == PARTY and "code" in values:
            self._take_code(id, values["code"])

    def _take_code(self, id: int, code: str | None) -> None:
        holder = self.row(PARTY, self._codes.get(code, id))
        if holder is not None and int(holder["id"]) != id and holder["code"] == code:
            raise user_error("The code on party must be unique.")
        self._codes[code] = id

    def _obey(self, verb: str, model: str, id: int, data: Row | None, when: Row) -> None:
        said = {"do": verb, "stream": model, "id": str(id), **when}
        self._tables.obey(said if data is None else said | {"data": data})


def typed(at: datetime) -> Row:
    return {"__class__": "datetime"} | {part: getattr(at, part) for part in PARTS}


def _stamp(row: Row, name: str) -> datetime | None:
    if name == "write_date" and not row["written"]:
        return None
    return _moment(row["create_date" if name == "create_date" else "changed"])


@cache
def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _split(model: str, values: Row) -> tuple[Row, Row]:
    """A record's own values, and the commands for its lists. Stamps are left out in silence."""
    shape: Model = MODELS[model]
    known = {*shape.columns, *shape.refers, *shape.parts}
    kept = {key: one for key, one in values.items() if key not in {"create_date", "write_date"}}
    for name in kept:
        if name not in known:
            raise unknown(name)
    lists = {key: one for key, one in kept.items() if key in shape.parts}
    return {key: one for key, one in kept.items() if key not in shape.parts}, lists


def _comparison(operator: str, wanted: Any) -> Callable[[Any], bool]:
    wanted = _comparable(wanted)
    match operator:
        case "=":
            return lambda value: bool(value == wanted)
        case "!=":
            return lambda value: bool(value != wanted)
        case "in":
            among = frozenset(wanted)
            return lambda value: value in among
        case ">" | ">=" | "<" | "<=":
            if isinstance(wanted, str):
                raise failed("a moment as a text compares with nothing")
            compare = COMPARED[operator]
            return lambda value: value is not None and compare(_comparable(value), wanted)
        case _:
            raise ENDLESS


def _comparable(value: Any) -> Any:
    match value:
        case {"__class__": "datetime"}:
            return datetime(**{part: value[part] for part in PARTS}, tzinfo=UTC)
        case {"__class__": "Decimal", "decimal": text}:
            return Decimal(text)
        case _:
            return value
