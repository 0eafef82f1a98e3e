"""The composite resource: up to 25 requests in one, each with a status of its own.

What is not documented was decided here: the codes of what makes the whole a 400, and that a
reference to nothing is refused as PROCESSING_HALTED. It rolls nothing back: `allOrNone` is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote

import orjson

from hub.testing import Answer, Request
from spokes.salesforce.sandbox.refusal import Refused

MOST, MOST_QUERIES = 25, 5
_METHODS = {"POST", "PUT", "PATCH", "GET", "DELETE"}
_KNOWN = {"allOrNone", "collateSubrequests", "compositeRequest"}
_KNOWN_OF_PART = {"method", "url", "referenceId", "body", "httpHeaders"}
_INHERITED = {"accept", "authorization", "content-type"}
_REFERENCE_ID = re.compile(r"[A-Za-z0-9]\w*", re.ASCII)
_REFERENCE = re.compile(r"@\{([^}]*)\}")
_RESOURCES = re.compile(r"(sobjects|query|queryAll|composite/sobjects)(?=[/?]|$)")

JsonObject = dict[str, Any]
Ask = Callable[[Request], Answer]


class Part(Protocol):
    """Answers a request that is part of another: `hub.testing.part`."""

    def __call__(self, request: Request, ask: Ask) -> Answer: ...


def answer(whole: Request, body: JsonObject, version: str, ask: Ask) -> Answer:
    """Each request in its order; raises `Refused` for what makes the whole a 400."""
    listed = _checked(body, version)
    said: dict[str, Any] = {}
    results = []
    for one in listed:
        name = one["referenceId"]
        try:
            answered = ask(_request(whole, _filled(one, said)))
        except Refused as refused:
            answered = refused.answer()
        content = answered.content()
        told = _decoded(content) if content else None
        if answered.status < 300:
            said[name] = told
        results.append(
            {
                "body": told,
                "httpHeaders": dict(answered.headers),
                "httpStatusCode": answered.status,
                "referenceId": name,
            }
        )
    return Answer(body={"compositeResponse": results})


def _checked(body: JsonObject, version: str) -> list[JsonObject]:
    if unknown := sorted(set(body) - _KNOWN):
        raise Refused(400, "JSON_PARSER_ERROR", f'Unrecognized field "{unknown[0]}"')
    for flag in ("allOrNone", "collateSubrequests"):
        if not isinstance(body.get(flag, False), bool):
            raise Refused(400, "JSON_PARSER_ERROR", f"{flag} must be true or false")
    if body.get("allOrNone"):
        raise Refused(
            400, "INVALID_INPUT", "this sandbox cannot roll back: allOrNone must be false"
        )
    listed = body.get("compositeRequest")
    if not isinstance(listed, list) or not listed:
        raise Refused(400, "INVALID_INPUT", "compositeRequest must hold at least one request")
    if len(listed) > MOST:
        raise Refused(400, "LIMIT_EXCEEDED", f"at most {MOST} subrequests, not {len(listed)}")
    for one in listed:
        _check(one, version)
    names = [one["referenceId"] for one in listed]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise Refused(400, "INVALID_INPUT", f"duplicate referenceId: {twice}")
    queries = sum(not _resource(one["url"], version).startswith("sobjects") for one in listed)
    if queries > MOST_QUERIES:
        raise Refused(400, "LIMIT_EXCEEDED", f"at most {MOST_QUERIES} queries and collections")
    return listed


def _check(one: Any, version: str) -> None:
    if not isinstance(one, dict):
        raise Refused(400, "JSON_PARSER_ERROR", "a subrequest must be an object")
    if unknown := sorted(set(one) - _KNOWN_OF_PART):
        raise Refused(400, "JSON_PARSER_ERROR", f'Unrecognized field "{unknown[0]}"')
    for name in ("method", "url", "referenceId"):
        if not isinstance(one.get(name), str):
            raise Refused(400, "INVALID_INPUT", f"a subrequest needs {name}")
    if one["method"] not in _METHODS:
        raise Refused(400, "INVALID_INPUT", f"method {one['method']!r} is not one of theirs")
    if not _REFERENCE_ID.fullmatch(one["referenceId"]):
        raise Refused(
            400,
            "INVALID_INPUT",
            f"Provided referenceId ('{one['referenceId']}') must start with a letter or a number,"
            " and it can contain only letters, numbers and underscores ('_').",
        )
    _resource(one["url"], version)
    headers = one.get("httpHeaders") or {}
    if not isinstance(headers, dict) or not all(isinstance(v, str) for v in headers.values()):
        raise Refused(400, "JSON_PARSER_ERROR", "httpHeaders must be texts by their names")
    if wrong := [name for name in headers if name.lower() in _INHERITED]:
        raise Refused(400, "INVALID_INPUT", f"a subrequest inherits {wrong[0]}: do not give it")


def _resource(url: str, version: str) -> str:
    """What is below the version, which need not be the same one; no composite within another."""
    found = re.match(rf"/services/data/v\d\d\.0/({_RESOURCES.pattern})", url)
    if found is None:
        raise Refused(
            400, "INVALID_INPUT", f"url {url[:80]!r} is no /services/data/{version}/sobjects/..."
        )
    return found[1]


def _filled(one: JsonObject, said: Mapping[str, Any]) -> JsonObject:
    """The request with what it refers to, `@{name.field}`, in its url and its body."""

    def fill(value: Any) -> Any:
        match value:
            case str():
                return _REFERENCE.sub(lambda found: str(_value(found[1], said)), value)
            case dict():
                return {name: fill(item) for name, item in value.items()}
            case list():
                return [fill(item) for item in value]
            case _:
                return value

    return one | {name: fill(one[name]) for name in ("url", "body") if name in one}


def _value(path: str, said: Mapping[str, Any]) -> Any:
    name, *fields = path.split(".")
    value = said.get(name)
    for field in fields:
        value = value.get(field) if isinstance(value, dict) else None
    if value is None or not fields:
        raise Refused(
            400,
            "PROCESSING_HALTED",
            f"Invalid reference specified. No value for {path} found in {name}.",
        )
    return value


def _request(whole: Request, one: JsonObject) -> Request:
    """The request as it would have come alone."""
    path, _, query = one["url"].partition("?")
    inherited = {name: whole.headers[name] for name in _INHERITED if name in whole.headers}
    headers = {name.lower(): value for name, value in (one.get("httpHeaders") or {}).items()}
    return Request(
        method=one["method"],
        path=unquote(path),
        query=parse_qsl(query, keep_blank_values=True),
        headers=inherited | headers,
        body=orjson.dumps(one["body"]) if one.get("body") is not None else b"",
        target=one["url"],
    )


def _decoded(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return content.decode("utf-8", "replace")
