"""The admin API for what both sides changed: list it, look at one, decide."""

# No `from __future__ import annotations`: FastAPI could not find the local names in them.

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request

from hub.service.typed import BadValues, Fault, shown
from hub.store import conflicts as kept
from hub.store.conflicts import Conflict
from hub.store.database import Database
from hub.sync.connection import Connections
from hub.sync.records import choosing
from hub.sync.records.choosing import Choice, Taken
from hub.web import body
from hub.web.body import Limit
from hub.web.problems import Problem
from hub.web.wire import Json

MOST = 200
AT_ONCE = 500  # conflicts that one request decides
LONGEST = 255  # characters of a name that conflicts are looked for by
BIGGEST = 2**63 - 1  # as the database counts

Number = Annotated[int, Path(ge=1, le=BIGGEST, description="The conflict's number.")]
Named = Annotated[str, Query(description="Only of this connection.", max_length=LONGEST)]
Over = Annotated[bool, Query(description="Those that are over, in place of the open ones.")]
SIDES = ("theirs", "ours")
FILTERS = ("connection", "stream", "field")
_TAKE = {"type": "string", "enum": list(SIDES)}


def _described(properties: Mapping[str, Any], example: Mapping[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    content = {"application/json": {"schema": schema, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


_ONE = _described({"take": _TAKE, "value": {}}, {"take": "theirs"})
_MANY = _described(
    {"take": _TAKE, **{name: {"type": "string"} for name in FILTERS}},
    {"connection": "crm", "stream": "Case", "field": "priority", "take": "theirs"},
)


def conflicts(
    db: Database,
    connections: Connections,
    clock: Callable[[], float],
    holder: Callable[..., str],
    limit: Limit,
) -> APIRouter:
    router = APIRouter(prefix="/admin/api/conflicts", tags=["admin"])

    @router.get("")
    def read_all(connection: Named = "", resolved: Over = False) -> Json:  # noqa: FBT002 -- a query's
        """The newest two hundred, and how many are open by connection."""
        with db.read() as tx:
            found = kept.listed(tx, connection=connection, resolved=resolved, most=MOST)
            counts = kept.counts(tx)
        return Json({"conflicts": [asdict(one) for one in found], "open": counts})

    @router.get("/{number}")
    def read_one(number: Number) -> Json:
        """One with all that is known of it."""
        with db.read() as tx:
            one = kept.find(tx, number)
        if one is None:
            raise Problem(404, f"There is no conflict {number}.", "GET /admin/api/conflicts")
        return Json(asdict(one))

    async def wish(request: Request, _: Annotated[str, Depends(holder)]) -> dict[str, Any]:
        return await body.json_object(request, limit)

    @router.post("/{number}", openapi_extra=_ONE)
    def decide(
        number: Number,
        wish: Annotated[dict[str, Any], Depends(wish)],
        user: Annotated[str, Depends(holder)],
    ) -> Json:
        """Decide one: `{"take": "theirs"}`, `{"take": "ours"}`, or `{"value": ...}`.

        The record takes the value at once; everybody who shows the field is told of it.
        """
        choice = _choice(wish, value=True)
        now = datetime.fromtimestamp(clock(), UTC)
        with db.write(durable=True) as tx:
            taken = choosing.take(tx, connections, number, choice, by=user, now=now)
        return Json(_taken(taken))

    @router.post("", openapi_extra=_MANY)
    def decide_many(
        wish: Annotated[dict[str, Any], Depends(wish)], user: Annotated[str, Depends(holder)]
    ) -> Json:
        """Decide all that are open of a connection, a stream or a field, 500 at a time.

        Repeat it while there are `more`.
        """
        choice, (connection, stream, field) = _choice(wish, value=False), _which(wish)
        now = datetime.fromtimestamp(clock(), UTC)
        with db.write(durable=True) as tx:
            which = partial(kept.listed, tx, connection=connection, stream=stream, field=field)
            some = which(most=AT_ONCE)
            choosing.take_all(tx, connections, some, choice, by=user, now=now)
            more = bool(which(most=1))
        return Json({"decided": len(some), "more": more})

    return router


def _taken(taken: Taken) -> dict[str, Any]:
    one: Conflict = taken.conflict
    return {"number": one.id, "field": one.field, "value": taken.value,
            "told": list(taken.told), "gone": taken.gone}  # fmt: skip


def _choice(wish: Mapping[str, Any], *, value: bool) -> Choice:
    """What a person wants; raises `BadValues`."""
    known = {"take", "value"} if value else {"take", *FILTERS}
    faults = [
        Fault(name[:LONGEST], shown(said), f"there is no such member; there are {_listed(known)}")
        for name, said in wish.items()
        if name not in known
    ]
    side = wish.get("take")
    if value and ("value" in wish) == ("take" in wish):
        faults.append(Fault("take", shown(side), "either take or value is expected"))
    elif "value" not in wish and side not in SIDES:
        faults.append(Fault("take", shown(side), '"theirs" or "ours" is expected'))
    if faults:
        raise BadValues(faults)
    if "value" in wish:
        return Choice(value=wish["value"])
    return Choice("theirs" if side == "theirs" else "ours")


def _which(wish: Mapping[str, Any]) -> tuple[str, str, str]:
    """Connection, stream and field; the first must be named. Raises `BadValues`."""
    faults = [
        Fault(name, shown(wish.get(name)), f"a text of 1 to {LONGEST} characters is expected")
        for name in FILTERS
        if (name in wish or name == "connection") and not _is_name(wish.get(name))
    ]
    if faults:
        raise BadValues(faults)
    return wish["connection"], wish.get("stream", ""), wish.get("field", "")


def _is_name(value: Any) -> bool:
    """Whether every database can look for it: PostgreSQL knows no NUL."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST and "\0" not in value


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
