"""How a request asks: its options, which objects it filters for, and the tokens of its links."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import orjson

from hub.testing import Request
from spokes.entra.sandbox.refusal import BAD, QUERY, REQUEST, Refused
from spokes.entra.sandbox.schema import MEMBERS, Kind

MOST_IN = 15
MOST_TRACKED = 50
_IN = re.compile(r"id in \(([^()]*)\)", re.IGNORECASE)
_EQ = re.compile(r"id eq '([^']*)'", re.IGNORECASE)
_ID = re.compile(r"'([^']*)'")
_OPTIONS = frozenset(
    [
        "$select",
        "$filter",
        "$top",
        "$skiptoken",
        "$deltatoken",
        "$orderby",
        "$expand",
        "$count",
        "$search",
        "$skip",
    ]
)


def options(request: Request, allowed: Iterable[str]) -> dict[str, str]:
    """The `$` options by their lower-case names; raises `Refused` for any that is not allowed."""
    asked: dict[str, str] = {}
    for name, value in request.query:
        key = name.lower()
        if key not in _OPTIONS or key in asked:
            raise Refused(400, BAD, f"Unrecognized or repeated query argument '{name}'.")
        if key not in allowed:
            raise Refused(400, QUERY, f"'{name}' is not supported here.")
        asked[key] = value
    return asked


def selected(kind: Kind, asked: Mapping[str, str], *, tracking: bool = False) -> tuple[str, ...]:
    """The properties to show, and `members` where changes are tracked."""
    text = asked.get("$select")
    if text is None:
        return (*kind.shown, MEMBERS) if tracking and kind.name == "groups" else kind.shown
    names = [name.strip() for name in text.split(",")]
    there = {*kind.properties, "id"} | ({MEMBERS} if tracking and kind.name == "groups" else set())
    for name in names:
        if name not in there:
            said = f"Could not find a property named '{name}' on type 'microsoft.graph.{kind.singular}'."
            raise Refused(400, BAD, said)
    return tuple(name for name in names if name != "id")


def top(asked: Mapping[str, str], usual: int, most: int = 999) -> int:
    text = asked.get("$top")
    if text is None:
        return usual
    if not text.isdigit() or not 1 <= int(text) <= most:
        raise Refused(400, REQUEST, f"Invalid page size specified: '{text}'. Must be 1 to {most}.")
    return int(text)


def listed(asked: Mapping[str, str]) -> list[str] | None:
    """The ids that a list is filtered for; None for no filter. Raises `Refused` for any other."""
    text = asked.get("$filter")
    if text is None:
        return None
    if one := _EQ.fullmatch(text.strip()):
        return [one[1].lower()]
    several = _IN.fullmatch(text.strip())
    if several is None:
        raise Refused(400, QUERY, f"Unsupported or invalid query filter clause: {text[:100]}")
    ids = _ID.findall(several[1])
    if several[1].replace(" ", "") != ",".join(f"'{id}'" for id in ids):
        raise Refused(400, BAD, "Invalid filter clause: a list of quoted ids belongs into 'in'.")
    if len(ids) > MOST_IN:
        said = (
            f"Too many child clauses specified in search filter expression: {len(ids)} > {MOST_IN}"
        )
        raise Refused(400, BAD, said)
    return [id.lower() for id in ids]


def tracked(asked: Mapping[str, str]) -> list[str]:
    """The ids that tracking is scoped to; none for all of them. Raises `Refused`."""
    text = asked.get("$filter")
    if text is None:
        return []
    found = [_EQ.fullmatch(part.strip()) for part in re.split(r" or ", text, flags=re.IGNORECASE)]
    ids = [one[1].lower() for one in found if one]
    if len(ids) != len(found) or len(ids) > MOST_TRACKED:
        said = f"Only up to {MOST_TRACKED} 'id eq' clauses are supported in a delta query."
        raise Refused(400, QUERY, said)
    return ids


def token(held: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(held)).decode().rstrip("=")


def untoken(text: str) -> dict[str, Any]:
    """What a token of ours holds; raises `Refused` for any other."""
    try:
        held: Any = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        held = None
    if not isinstance(held, dict):
        raise Refused(400, BAD, "Badly formed token.")
    return held


def link(url: str, path: str, **told: str) -> str:
    """An address of this API with `$` options."""
    given = "&".join(f"${name}={quote(value, safe=',')}" for name, value in told.items() if value)
    return f"{url}/v1.0/{path}?{given}"
