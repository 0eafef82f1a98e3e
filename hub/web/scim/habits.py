"""What directories send that SCIM does not allow, put into the words of SCIM.

Most of it scim2-models takes by itself, or by the policy in `published`: `Add` for `add`, `"False"`
for false, dotted and qualified keys, values that choose what to remove. This is the rest:

- a manager as a text, or as a list with one entry (Entra)
- any other single value as a list with one entry, `[{"$ref": null, "value": "x"}]` (Entra, before
  `?aadOptscim062020`)
- a value beside a removal that chooses nothing (Entra)
- attributes that only we write, within the value of a patch: `{"id": ..., "displayName": ...}` (Okta)
- what members are called, which only the users themselves say (Okta)
- an If-Match with a version of their own (canaille)

Pure. What is no JSON, or holds what no database keeps, is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson
from scim2_models import InvalidSyntaxException, InvalidValueException

from hub.web.scim.published import ENTERPRISE

JsonObject = dict[str, Any]

READ_ONLY = {"id", "meta", "schemas", "groups"}
SEVERAL = {
    "emails", "phonenumbers", "ims", "photos", "addresses", "entitlements", "roles", "members",
}  # fmt: skip
OUR_VERSION = re.compile(r'(?:W/)?"hub-[\w-]{1,8}-\d+"')
"""What our own ETags look like: see `tenant.version`."""
_MANAGER = re.compile(rf"(?:{re.escape(ENTERPRISE)}:)?manager", re.IGNORECASE)
_PLAIN = re.compile(r"(?:urn:.*:)?([A-Za-z]+)(?:\.[A-Za-z]+)?", re.IGNORECASE)


def conditions(if_match: str | None) -> str | None:
    """The If-Match that counts: versions of ours, or any; what others made up says nothing."""
    if if_match is None or if_match.strip() == "*":
        return if_match
    return ", ".join(OUR_VERSION.findall(if_match)) or None


def patch(body: bytes) -> bytes:
    """The body of a PATCH; raises `InvalidSyntaxException`, `InvalidValueException`."""

    def mend(asked: JsonObject) -> None:
        name = next((key for key in asked if key.lower() == "operations"), "")
        for operation in asked.get(name) or ():
            if isinstance(operation, dict):
                _mend_operation(operation)

    return _mended(body, mend)


def resource(body: bytes) -> bytes:
    """The body of a POST or PUT; raises `InvalidSyntaxException`, `InvalidValueException`."""
    return _mended(body, _mend_managers)


def _mended(body: bytes, mend: Callable[[JsonObject], None]) -> bytes:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidSyntaxException(detail=f"The body is not JSON: {error}") from None
    if not isinstance(said, dict):
        raise InvalidSyntaxException(detail="The body is JSON, but not an object")
    _check_texts(said)
    mend(said)
    return orjson.dumps(said)


def _check_texts(said: Any) -> None:
    left = [said]
    while left:
        match left.pop():
            case dict() as found:
                left += [*found, *found.values()]
            case list() as found:
                left += found
            case str() as found if "\0" in found:
                raise InvalidValueException(detail="NUL characters cannot be kept")


def _mend_operation(operation: JsonObject) -> None:
    names = {key.lower(): key for key in operation}
    path, value = operation.get(names.get("path", "")), operation.get(names.get("value", ""))
    if str(operation.get(names.get("op", ""))).lower() == "remove":
        if "value" in names and not _chooses(path, value):
            del operation[names["value"]]
    elif path is None and isinstance(value, dict):
        kept = {key: one for key, one in value.items() if key.lower() not in READ_ONLY}
        _mend_managers(kept)
        for key in (key for key in kept if key.lower() == "members"):
            _mend_members(kept[key])
        operation[names["value"]] = kept
    elif isinstance(path, str) and "value" in names:
        if path.lower() == ENTERPRISE.lower() and isinstance(value, dict):
            _mend_managers({ENTERPRISE: value})
        elif _MANAGER.fullmatch(path):
            _mend_manager(operation, names)
        elif path.lower() == "members":
            _mend_members(value)
        else:
            operation[names["value"]] = _single(path, value)


def _mend_members(value: Any) -> None:
    for member in value if isinstance(value, list) else [value]:
        if isinstance(member, dict):
            for key in [key for key in member if key.lower() == "display"]:
                del member[key]


def _chooses(path: Any, value: Any) -> bool:
    """Whether the value of a removal says which entries of a list it means."""
    several = value if isinstance(value, list) else [value]
    plain = isinstance(path, str) and "[" not in path
    return plain and bool(several) and all(one and isinstance(one, dict) for one in several)


def _mend_manager(operation: JsonObject, names: dict[str, str]) -> None:
    manager = _manager(operation[names["value"]])
    if manager:
        operation[names["value"]] = manager
    else:
        operation[names.get("op", "op")] = "remove"
        del operation[names["value"]]


def _mend_managers(said: JsonObject) -> None:
    """Wherever a resource, or a part of one, may name a manager."""
    for key, value in list(said.items()):
        if key.lower() == ENTERPRISE.lower() and isinstance(value, dict):
            for name in [name for name in value if name.lower() == "manager"]:
                value[name] = _manager(value[name])
        elif key.lower() == f"{ENTERPRISE}:manager".lower():
            said[key] = _manager(value)


def _manager(value: Any) -> Any:
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, str):
        return {"value": value} if value else None
    return value


def _single(path: str, value: Any) -> Any:
    match value:
        case [{"value": only}] if (found := _PLAIN.fullmatch(path)) and found[
            1
        ].lower() not in SEVERAL:
            return only
        case _:
            return value
