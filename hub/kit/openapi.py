"""Reads an OpenAPI 3 description: whatever is listed by a GET is a collection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from hub.kit.described import (
    MOST_PROPERTIES,
    BadDescription,
    Collection,
    Described,
    Property,
    snake,
)

DEPTH = 20
"""References that are followed, one after the other."""


def read(text: str, shown: str) -> Described:
    """The collections of a description in JSON or YAML; raises `BadDescription`."""
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadDescription(
            f"{shown}: neither JSON nor YAML: {str(error).partition(chr(10))[0]}"
        ) from None
    if not isinstance(document, dict) or not str(document.get("openapi", "")).startswith("3"):
        what = (
            "Swagger 2: convert it to OpenAPI 3"
            if "swagger" in str(document)[:200]
            else "not OpenAPI 3"
        )
        raise BadDescription(f"{shown}: {what} (there is no `openapi: 3...` at its top)")
    return _Reader(document).described()


class _Reader:
    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._unsure: list[str] = []

    def described(self) -> Described:
        paths = self._document.get("paths")
        found: dict[str, Collection] = {}
        for path, item in paths.items() if isinstance(paths, dict) else ():
            collection = self._collection(str(path), _dict(item))
            if collection is not None:
                found.setdefault(collection.name, collection)
        return Described(tuple(found.values()), tuple(self._unsure))

    def _collection(self, path: str, item: dict[str, Any]) -> Collection | None:
        """What a GET of this path lists; None for what is no list."""
        schema = self._answered(_dict(item.get("get")))
        rows = self._rows(schema) if schema else None
        if rows is None or path.endswith("}"):
            return None
        name = snake(path.rstrip("/").rpartition("/")[2])
        if "{" in path:
            self._unsure.append(f"{path}: needs an id of something else: left out")
            return None
        whole = self._whole(rows)
        listed = list(_dict(whole.get("properties")).items())
        if len(listed) > MOST_PROPERTIES:
            self._unsure.append(
                f"{name}: only the first {MOST_PROPERTIES} of {len(listed)} properties"
            )
        read = tuple(
            self._property(str(key), _dict(value)) for key, value in listed[:MOST_PROPERTIES]
        )
        return Collection(name, path, _schema_name(rows), read)

    def _answered(self, operation: dict[str, Any]) -> dict[str, Any]:
        """The JSON schema of a successful answer."""
        answers = _dict(operation.get("responses"))
        good = next(
            (answers[c] for c in answers if str(c).upper() in {"200", "2XX", "DEFAULT"}), None
        )
        content = _dict(self._resolved(_dict(good)).get("content"))
        kinds = [kind for kind in content if "json" in str(kind)]
        return _dict(_dict(content[kinds[0]]).get("schema")) if kinds else {}

    def _rows(self, schema: dict[str, Any]) -> dict[str, Any] | None:
        """The schema of one record of a list, which may lie in an envelope."""
        whole = self._whole(schema)
        if whole.get("type") == "array":
            return _dict(whole.get("items"))
        lists = [
            inner
            for value in _dict(whole.get("properties")).values()
            if (inner := self._whole(_dict(value))).get("type") == "array"
            and self._whole(_dict(inner.get("items"))).get("properties")
        ]
        return _dict(lists[0].get("items")) if len(lists) == 1 else None

    def _property(self, name: str, schema: dict[str, Any]) -> Property:
        whole = self._whole(schema)
        kind = whole.get("type")
        if isinstance(kind, list):  # OpenAPI 3.1: ["string", "null"]
            kind = next((one for one in kind if one != "null"), None)
        form = str(whole.get("format") or "")
        values = tuple(str(v) for v in whole.get("enum") or () if v is not None)
        longest = whole.get("maxLength")
        longest = longest if isinstance(longest, int) else None
        match kind:
            case "string" if form == "date-time":
                return Property(name, "moment")
            case "string" if form == "date":
                return Property(name, "date")
            case "string":
                return Property(name, "text", form, values, longest=longest)
            case "integer" | "number" | "boolean":
                return Property(name, kind, form)
            case "object" | None if _schema_name(schema):
                return Property(name, "reference", of=_schema_name(schema))
            case _:
                return Property(name, "other", str(kind))

    def _whole(self, schema: dict[str, Any]) -> dict[str, Any]:
        """A schema with its reference followed, and what `allOf` brings together."""
        found = self._resolved(schema)
        parts = found.get("allOf")
        if not isinstance(parts, list):
            return found
        merged: dict[str, Any] = {key: value for key, value in found.items() if key != "allOf"}
        for part in parts[:DEPTH]:
            inner = self._resolved(_dict(part))
            properties = _dict(merged.get("properties")) | _dict(inner.get("properties"))
            merged = {**inner, **merged, "properties": properties}
        return merged

    def _resolved(self, value: dict[str, Any]) -> dict[str, Any]:
        """What a `$ref` within the file stands for; nothing outside of it is ever read."""
        for _ in range(DEPTH):
            where = value.get("$ref")
            if not isinstance(where, str):
                return value
            value = self._at(where)
        return {}

    def _at(self, where: str) -> dict[str, Any]:
        if not where.startswith("#/"):
            self._unsure.append(f"{where}: outside of the file, and not read")
            return {}
        found: Any = self._document
        for step in _steps(where):
            found = _dict(found).get(step)
        return _dict(found)


def _steps(where: str) -> Iterator[str]:
    for step in where.removeprefix("#/").split("/"):
        yield step.replace("~1", "/").replace("~0", "~")


def _schema_name(schema: dict[str, Any]) -> str:
    """The last part of a reference; also of the only one in an `allOf`."""
    parts = schema.get("allOf")
    if isinstance(parts, list) and len(parts) == 1:
        schema = _dict(parts[0])
    return str(schema.get("$ref") or "").rpartition("/")[2]


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
