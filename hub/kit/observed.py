"""What records say of their own properties: paths, types, the few values of a picklist, examples."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from hub.kit.described import MOST_PROPERTIES, Property, Type
from hub.kit.scrub import EMAIL
from hub.kit.scrub import PHONE as A_PHONE

DEPTH = 3
"""Objects in objects, at the end of whose paths properties are looked for."""
MOST_VALUES = 15
"""Different values of a picklist."""
LONGEST_VALUE = 40  # characters of one
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(?P<zone>Z|[+-]\d\d:?\d\d)?")
DAY = re.compile(r"\d{4}-\d\d-\d\d")
HTML = re.compile(r"</?(p|br|div|span|b|i|a|ul|li|table)\b[^>]*>", re.IGNORECASE)
PHONE = re.compile(r"\+?[\d ()/.-]{7,20}")

Path = tuple[str | int, ...]


@dataclass(slots=True)
class Column:
    """What all the records have at one path; `lists`: lists of objects, as they are."""

    path: Path
    values: list[Any] = field(default_factory=list[Any])
    lists: list[list[Any]] = field(default_factory=list[list[Any]])

    @property
    def present(self) -> list[Any]:
        return [value for value in self.values if value is not None and value != ""]


def columns(records: Sequence[Any]) -> dict[Path, Column]:
    """Everything that stands in the records, by path; the first item speaks for a list."""
    found: dict[Path, Column] = {}
    for record in records:
        for path, value in _walk(record, ()):
            column = found.get(path)
            if column is None:
                if len(found) >= 4 * MOST_PROPERTIES:
                    continue
                column = found[path] = Column(path)
            if isinstance(value, list):
                column.lists.append(value)
            else:
                column.values.append(value)
    return found


def _walk(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    match value:
        case dict() if len([step for step in path if isinstance(step, str)]) < DEPTH:
            for name, inner in value.items():
                if isinstance(name, str) and "@" not in name.lstrip("@") and name.isprintable():
                    yield from _walk(inner, (*path, name))
        case dict():
            return
        case list() if value and isinstance(value[0], dict):
            yield path, value
            yield from _walk(value[0], (*path, 0))
        case list():
            if value:
                yield from _walk(value[0], (*path, 0))
        case _ if path:
            yield path, value
        case _:
            return


def property_of(column: Column) -> Property | None:
    """What a column is; None for one that is not always the same.

    Of one that is always empty only the name tells: its format is `empty`.
    """
    there = column.present
    name = str(next(step for step in reversed(column.path) if isinstance(step, str)))
    if not there:
        return _as(column, name, "text", "empty") if column.values else None
    kinds = {type(value) for value in there}
    if kinds <= {bool}:
        return _as(column, name, "boolean")
    if kinds <= {int}:
        return _as(column, name, "integer", values=_few(there))
    if kinds <= {int, float}:
        return _as(column, name, "number")
    if kinds != {str}:
        return None
    kind, form = _text(there)
    return _as(column, name, kind, form, _few(there) if kind == "text" and not form else ())


def _as(
    column: Column, name: str, kind: Type, form: str = "", values: tuple[str | int, ...] = ()
) -> Property:
    return Property(name, kind, form, values, path=column.path, sampled=True)


def _text(there: Sequence[str]) -> tuple[Type, str]:
    """Which kind of text it is, of which every one of the values is."""
    if moments := _all(MOMENT, there):
        return "moment", "" if all(found["zone"] for found in moments) else "local"
    if _all(DAY, there):
        return "date", "local"
    forms = {
        "email": bool(_all(EMAIL, there)),
        "decimal": all(map(_is_number, there)),
        "phone": bool(_all(PHONE, there)) and any(A_PHONE.search(text) for text in there),
        "html": sum(bool(HTML.search(text)) for text in there) * 2 > len(there),
    }
    return "text", next((form for form, holds in forms.items() if holds), "")


def _all(pattern: re.Pattern[str], there: Sequence[str]) -> list[re.Match[str]]:
    found = [pattern.fullmatch(text.strip()) for text in there]
    return [one for one in found if one] if all(found) else []


def _is_number(text: str) -> bool:
    try:
        return "." in text and Decimal(text).is_finite()
    except InvalidOperation:
        return False


def _few(there: Sequence[Any]) -> tuple[str | int, ...]:
    """The values of a picklist, the most frequent first; nothing if they are no such thing."""
    counts: dict[Any, int] = {}
    for value in there:
        counts[value] = counts.get(value, 0) + 1
    often = sorted(counts, key=lambda value: -counts[value])
    plain = all(len(str(value)) <= LONGEST_VALUE and "\n" not in str(value) for value in often)
    if len(often) > MOST_VALUES or not plain or (len(there) > 4 and len(often) > len(there) / 2):  # noqa: PLR2004
        return ()
    return tuple(often)


def at(record: Any, path: Path) -> Any:
    """The value at a path; None where there is none."""
    for step in path:
        if isinstance(step, int):
            record = record[step] if isinstance(record, list) and len(record) > step else None
        else:
            record = record.get(step) if isinstance(record, dict) else None
    return record


def only(record: Any, paths: Sequence[Path]) -> Any:
    """The record with nothing but these paths; null where a step of one is null."""
    if not isinstance(record, dict | list) or any(not path for path in paths):
        return record
    steps = dict.fromkeys(path[0] for path in paths)
    if isinstance(record, list):
        return [only(item, [path[1:] for path in paths if path[0] == n])
                for n, item in enumerate(record) if n in steps]  # fmt: skip
    return {
        step: only(record[step], [path[1:] for path in paths if path[0] == step])
        for step in steps
        if step in record
    }


def put(record: Any, path: Path, value: Any) -> None:
    """Have a record say this at a path that it has."""
    for step in path[:-1]:
        record = record[step]
    record[path[-1]] = value


def fullest(records: Sequence[Mapping[str, Any]], paths: Sequence[Path]) -> Mapping[str, Any]:
    """The record that says most at these paths; the first of several."""
    return max(records, key=lambda one: sum(at(one, path) not in {None, ""} for path in paths
                                            if not isinstance(at(one, path), dict | list)))  # fmt: skip
