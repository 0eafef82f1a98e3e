"""The small words of the language: durations, rates, dotted paths, addresses, requests, mappings."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from hub.http import Rate
from hub.rest.paths import DOTTED, PLACEHOLDER

METHODS = ("POST", "PUT", "PATCH", "DELETE")
PYTHON = "what needs more than that becomes Python (CONTRIBUTING.md, “Add a spoke”)"
HEADER = r"[A-Za-z][A-Za-z0-9-]*"
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DURATION = r"([0-9]{1,4})([smhd])"
_RATE = r"([1-9][0-9]{0,5})/([0-9]{0,4})([smhd])"
_ADDRESS = r"/[^\s?#\\]*"


class Call(NamedTuple):
    """A request that writes: its method and its path."""

    method: str
    path: str


def _duration(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    found = re.fullmatch(_DURATION, value) if isinstance(value, str) else None
    if not found:
        raise ValueError("is no duration; write a number and s, m, h or d: 30s, 5m, 1h")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _rate(value: Any) -> Rate:
    if isinstance(value, Rate):
        return value
    found = re.fullmatch(_RATE, value) if isinstance(value, str) else None
    per = timedelta(**{_UNITS[found[3]]: int(found[2] or 1)}) if found else timedelta(0)
    if not found or not per:
        raise ValueError("is no rate; write calls per time: 10/s, 600/m, 100/10s")
    return Rate(int(found[1]), per)


def _path(value: str) -> str:
    if value and not DOTTED.fullmatch(value):
        raise ValueError(f"is no path; write names with dots between them, as data.items; {PYTHON}")
    return value


def _address(value: str) -> str:
    """A path on the connection's own host: whom we sign for is never for a file to say."""
    if "//" in value or not value.startswith("/"):
        raise ValueError(
            "must be a path on the connection's own host, as /api/orders; "
            "the host stands in the connection's url"
        )
    bare = PLACEHOLDER.sub("x", value)
    if not re.fullmatch(_ADDRESS, bare) or re.search(r"/\.{1,2}(/|$)", bare):
        raise ValueError("is no path; parameters belong under `query`, and no part is . or ..")
    if "{" in bare or "}" in bare:
        raise ValueError(f"has a brace that names nothing; write {{id}} or a setting; {PYTHON}")
    return value


def _template(value: str) -> str:
    bare = PLACEHOLDER.sub("", value)
    if "{" in bare or "}" in bare:
        raise ValueError(f"has a brace that names nothing; write {{key}} or a setting; {PYTHON}")
    return value


def _call(value: Any) -> Call:
    if isinstance(value, Call):
        return value
    method, _, path = value.partition(" ") if isinstance(value, str) else ("", "", "")
    if method not in METHODS or not path:
        raise ValueError(f"is no request; write {', '.join(METHODS)} and a path: POST /orders")
    return Call(method, _address(path))


def _header(value: str) -> str:
    if not re.fullmatch(HEADER, value):
        raise ValueError("is no header's name; write letters, digits and dashes: X-Signature")
    return value


def _text(read: Callable[[Any], Any], pattern: str) -> tuple[BeforeValidator, Any]:
    """A value that is written as text, for pydantic and for editors."""
    return (
        BeforeValidator(read, json_schema_input_type=str),
        Field(json_schema_extra={"pattern": pattern}),
    )


Duration = Annotated[timedelta, *_text(_duration, f"^{_DURATION}$")]
RateText = Annotated[Rate, *_text(_rate, f"^{_RATE}$")]
Request = Annotated[Call, *_text(_call, f"^({'|'.join(METHODS)}) /")]
Path = Annotated[str, AfterValidator(_path), Field(json_schema_extra={"pattern": f"^({DOTTED.pattern})?$"})]  # fmt: skip
Address = Annotated[str, AfterValidator(_address), Field(json_schema_extra={"pattern": "^/"})]
Template = Annotated[str, AfterValidator(_template)]
Header = Annotated[str, AfterValidator(_header), Field(json_schema_extra={"pattern": f"^{HEADER}$"})]  # fmt: skip
SettingRef = Annotated[str, Field(description="The name of a setting.")]


class Part(BaseModel):
    """A piece of the file: unknown keys are errors, and no value shows in them."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
    )
