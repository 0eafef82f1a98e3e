"""As much of JSON Schema as the schema of mapping files uses; any other word in it is an error.

https://json-schema.org/draft/2020-12/json-schema-validation
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "number": (int, float),
    "boolean": (bool,), "null": (type(None),),
}  # fmt: skip
REMARKS = {"$schema", "$id", "$defs", "title", "description", "examples", "default"}
Schema = Mapping[str, Any]


def allows(schema: Schema, value: Any) -> bool:
    return not list(faults(schema, value, schema))


def faults(schema: Schema, value: Any, root: Schema, at: str = "") -> Iterator[str]:
    """What the schema refuses, with its place."""
    for word, said in schema.items():
        if word not in REMARKS | {"then", "else"}:
            yield from _WORDS[word](schema, said, value, root, at)


Found = Iterator[str]


def _type(_: Schema, said: Any, value: Any, __: Schema, at: str) -> Found:
    names = [said] if isinstance(said, str) else said
    if not any(
        isinstance(value, TYPES[name]) and (name == "boolean") == isinstance(value, bool)
        for name in names
    ):
        yield f"{at}: is no {said}"


def _ref(_: Schema, said: Any, value: Any, root: Schema, at: str) -> Found:
    yield from faults(root["$defs"][said.removeprefix("#/$defs/")], value, root, at)


def _properties(_: Schema, said: Any, value: Any, root: Schema, at: str) -> Found:
    for name in said.keys() & (value.keys() if isinstance(value, dict) else set()):
        yield from faults(said[name], value[name], root, f"{at}.{name}")


def _additional(schema: Schema, said: Any, value: Any, root: Schema, at: str) -> Found:
    for name in (
        value.keys() - schema.get("properties", {}).keys() if isinstance(value, dict) else ()
    ):
        if said is False:
            yield f"{at}: has no {name}"
        else:
            yield from faults(said, value[name], root, f"{at}.{name}")


def _names(_: Schema, said: Any, value: Any, root: Schema, at: str) -> Found:
    for name in value if isinstance(value, dict) else ():
        yield from faults(said, name, root, f"{at}.{name}")


def _required(_: Schema, said: Any, value: Any, __: Schema, at: str) -> Found:
    if isinstance(value, dict) and set(said) - value.keys():
        yield f"{at}: lacks {set(said) - value.keys()}"


def _dependent(_: Schema, said: Any, value: Any, __: Schema, at: str) -> Found:
    for name, others in said.items():
        if isinstance(value, dict) and name in value and set(others) - value.keys():
            yield f"{at}: {name} needs {others}"


def _items(_: Schema, said: Any, value: Any, root: Schema, at: str) -> Found:
    for index, item in enumerate(value if isinstance(value, list) else ()):
        yield from faults(said, item, root, f"{at}.{index}")


def _enum(_: Schema, said: Any, value: Any, __: Schema, at: str) -> Found:
    if value not in said:
        yield f"{at}: is none of {said}"


def _const(_: Schema, said: Any, value: Any, __: Schema, at: str) -> Found:
    if value != said:
        yield f"{at}: is not {said}"


def _pattern(_: Schema, said: Any, value: Any, __: Schema, at: str) -> Found:
    if isinstance(value, str) and not re.search(said, value):
        yield f"{at}: does not match {said}"


def _size(kind: type, least: bool) -> Callable[..., Found]:  # noqa: FBT001
    def check(_: Schema, said: Any, value: Any, __: Schema, at: str) -> Found:
        if isinstance(value, kind) and (len(value) < said if least else len(value) > said):  # type: ignore[arg-type]
            yield f"{at}: has {len(value)} entries"  # type: ignore[arg-type]

    return check


def _fitting(said: Any, value: Any, root: Schema) -> int:
    return sum(not list(faults(one, value, root)) for one in said)


def _one_of(_: Schema, said: Any, value: Any, root: Schema, at: str) -> Found:
    if _fitting(said, value, root) != 1:
        yield f"{at}: fits {_fitting(said, value, root)} of {len(said)}"


def _any_of(_: Schema, said: Any, value: Any, root: Schema, at: str) -> Found:
    if not _fitting(said, value, root):
        yield f"{at}: fits none of {len(said)}"


def _all_of(_: Schema, said: Any, value: Any, root: Schema, at: str) -> Found:
    for one in said:
        yield from faults(one, value, root, at)


def _not(_: Schema, said: Any, value: Any, root: Schema, at: str) -> Found:
    if not list(faults(said, value, root)):
        yield f"{at}: must not be {said}"


def _if(schema: Schema, said: Any, value: Any, root: Schema, at: str) -> Found:
    branch = "else" if list(faults(said, value, root)) else "then"
    yield from faults(schema.get(branch, {}), value, root, at)


_WORDS: Mapping[str, Callable[..., Found]] = {
    "type": _type, "$ref": _ref, "properties": _properties, "additionalProperties": _additional,
    "propertyNames": _names, "required": _required, "dependentRequired": _dependent,
    "items": _items, "enum": _enum, "const": _const, "pattern": _pattern,
    "minProperties": _size(dict, True), "maxProperties": _size(dict, False),
    "minItems": _size(list, True), "oneOf": _one_of, "anyOf": _any_of, "allOf": _all_of,
    "not": _not, "if": _if,
}  # fmt: skip
