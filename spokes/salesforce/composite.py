"""What a write asks of Salesforce, alone or with others in one composite request.

A composite request counts as one call, whatever it holds. Its parts may have every header that
their resource knows (`If-Unmodified-Since`) but Accept, Authorization and Content-Type; parts with
headers are neither reordered nor merged. With `allOrNone: false` one that fails leaves the others.
https://developer.salesforce.com/docs/platform/api-rest/guide/requests-composite.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Annotated, Any
from urllib.parse import unquote

import orjson
from pydantic import BaseModel, Field, ValidationError
from simple_salesforce.format import format_external_id

import hub
from spokes.salesforce.ids import id18, is_id

MOST = 25
_REFERENCE = "@{"  # begins what they replace by a value out of another part's answer; no escape
WRITING = {
    "Sforce-Auto-Assign": "FALSE",  # assignment rules would hand the case to somebody else
    "Sforce-Duplicate-Rule-Header": "allowSave=true",
    "Sforce-Call-Options": "client=csm-hub",  # names us in their change events
}


@dataclass(frozen=True, slots=True)
class Call:
    """One write as they want it; `path` is below the API's version."""

    method: str
    path: str
    body: hub.JsonObject
    headers: Mapping[str, str]


def create(name: str, field: str, key: str, data: hub.JsonObject) -> Call:
    """An upsert by external id, which makes a creation repeatable."""
    body = {k: v for k, v in data.items() if k != field}  # in the URL and the body is an error
    return Call("PATCH", f"sobjects/{name}/{format_external_id(field, key)}", body, WRITING)


def insert(name: str, data: hub.JsonObject) -> Call:
    """A new record of an object that can have no external id."""
    return Call("POST", f"sobjects/{name}", data, WRITING)


def update(name: str, id: str, data: hub.JsonObject, unmodified_since: str) -> Call:
    """By id, and only if nobody changed it since, when a time is given."""
    unless = {"If-Unmodified-Since": http_date(unmodified_since)} if unmodified_since else {}
    return Call("PATCH", f"sobjects/{name}/{id}", data, WRITING | unless)


def http_date(version: str) -> str:
    """A SystemModstamp as an HTTP date: `Sat, 21 Nov 2026 10:00:00 GMT`."""
    return format_datetime(datetime.fromisoformat(version).astimezone(UTC), usegmt=True)


def is_literal(call: Call) -> bool:
    """Whether a composite request would carry this write as it is.

    A customer's text with `@{` in it would be refused, or filled with what another record says.
    """
    return _REFERENCE not in unquote(call.path) + orjson.dumps(call.body).decode()


def made(answer: hub.Response) -> str:
    """The id of the record that a creation made; raises `Transient` for an answer without one."""
    try:
        id = str(answer.json()["id"])
    except (ValueError, LookupError, TypeError):
        id = ""
    if not is_id(id):
        raise hub.Transient("the answer to a creation names no record: is it a proxy's?")
    return id18(id)


# -- several at once


class Part(BaseModel, strict=True):
    """Their answer to one of the requests in a composite one."""

    httpStatusCode: Annotated[int, Field(ge=100, le=599)]  # noqa: N815 -- theirs, as the next
    referenceId: str  # noqa: N815
    httpHeaders: dict[str, Any] = {}  # noqa: N815
    body: Any = None

    @property
    def headers(self) -> dict[str, str]:
        return {k: v for k, v in self.httpHeaders.items() if _is_plain(k) and _is_plain(v)}

    @property
    def content(self) -> bytes:
        return b"" if self.body is None else orjson.dumps(self.body)


class _Answer(BaseModel):
    compositeResponse: list[Part]  # noqa: N815


def body(root: str, calls: Sequence[Call]) -> hub.JsonObject:
    """What is sent to `/composite`; `root` is the path of the API's version."""
    parts = [
        {
            "method": call.method,
            "url": root + call.path,
            "referenceId": _name(number),
            "httpHeaders": dict(call.headers),
            "body": call.body,
        }
        for number, call in enumerate(calls)
    ]
    return {"allOrNone": False, "compositeRequest": parts}


def parts(answer: hub.Response, count: int) -> list[Part]:
    """Their answers, in the order of what was asked.

    Raises `Transient` for one that cannot be read, and for any but one answer to each request: of
    which write it tells nobody could say then.
    """
    try:
        told = _Answer.model_validate_json(answer.content).compositeResponse
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False)[0]
        raise hub.Transient(
            f"composite: the answer cannot be read: {'.'.join(map(str, wrong['loc']))}:"
            f" {wrong['msg']}; what was written is asked for again"
        ) from None
    found = {part.referenceId: part for part in told}
    asked = [_name(number) for number in range(count)]
    if len(told) != count or found.keys() != set(asked):
        names = ", ".join(part.referenceId[:20] for part in told[: count + 1])
        raise hub.Transient(
            f"composite: {count} requests were sent, {asked[0]} to {asked[-1]}, and the answers are"
            f" for {names or 'none'}; what was written is asked for again"
        )
    return [found[name] for name in asked]


def _name(number: int) -> str:
    return f"w{number}"


def _is_plain(said: Any) -> bool:
    """Whether it can stand in a header."""
    return isinstance(said, str) and said.isascii() and said.isprintable()
