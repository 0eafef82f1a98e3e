"""The admin API for reviving very many dead letters: foresee, begin, follow, cancel."""

# No `from __future__ import annotations`: FastAPI could not find the local names in them.

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request

from hub import queue
from hub.queue import revivals as kept
from hub.service.typed import BadValues, Fault, shown
from hub.store import dead
from hub.store.database import Database
from hub.web import body
from hub.web.body import Limit
from hub.web.problems import Problem
from hub.web.wire import Json

FASTEST = 10_000  # letters per second
LONGEST = 300  # characters of a value that letters are looked for by
BIGGEST = 2**63 - 1  # as the database counts
FILTERS = {
    "jobs": ("connection", "kind", "key", "reason"),
    "records": ("connection", "stream", "group", "field", "mapping", "value", "reason"),
}
EVERY_FILTER = tuple(dict.fromkeys(name for names in FILTERS.values() for name in names))

Number = Annotated[int, Path(ge=1, le=BIGGEST, description="The revival's number.")]
_WISH = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "what": {"enum": list(FILTERS), "default": "jobs"},
                        **{name: {"type": "string"} for name in EVERY_FILTER},
                        "rate": {"type": "number", "minimum": 1, "maximum": FASTEST},
                        "dry_run": {"type": "boolean"},
                    },
                    "additionalProperties": False,
                },
                "examples": {
                    "jobs": {"value": {"connection": "crm", "reason": "exhausted", "rate": 50}},
                    "records": {"value": {"what": "records", "group": "g1f3a5b7c", "rate": 200}},
                },
            }
        },
    }
}


def revivals(
    db: Database, clock: Callable[[], float], holder: Callable[..., str], limit: Limit
) -> APIRouter:
    router = APIRouter(prefix="/admin/api/revivals", tags=["admin"])

    @router.get("")
    def follow() -> Json:
        """List the last hundred revivals, newest first: how far each is, and who began it."""
        with db.read() as tx:
            found = kept.find(tx)
        return Json({"revivals": [asdict(one) | {"what": one.what} for one in found]})

    async def wish(request: Request, _: Annotated[str, Depends(holder)]) -> dict[str, Any]:
        return await body.json_object(request, limit)

    @router.post("", status_code=202, openapi_extra=_WISH)
    def begin(
        wish: Annotated[dict[str, Any], Depends(wish)], user: Annotated[str, Depends(holder)]
    ) -> Json:
        """Revive the dead jobs, or read the dead records again, that have all these properties.

        Workers do it, so many a second; the answer tells the revival's number, and how many letters there are now.
        With `dry_run` nothing begins.
        """
        which, rate, dry_run = _read(wish)
        with db.write(durable=True) as tx:
            count = kept.preview(tx, which)
            if dry_run:
                return Json({"number": None, "foreseen": count}, 200)
            if not count:
                no = f"No dead {'record' if isinstance(which, dead.Which) else 'job'} is like that."
                raise Problem(404, no, "GET /admin/api/dead shows what is dead.")
            number = kept.start(tx, which, by=user, rate=rate, now=clock())
        return Json({"number": number, "foreseen": count}, 202)

    @router.delete("/{number}")
    def cancel(number: Number, user: Annotated[str, Depends(holder)]) -> Json:
        """Stop a revival: what it has not revived yet stays dead."""
        with db.write(durable=True) as tx:
            if not kept.cancel(tx, number, by=user, now=clock()):
                raise Problem(
                    404,
                    f"No revival {number} is going on.",
                    "GET /admin/api/revivals shows them, also those that have ended.",
                )
        return Json({"number": number, "cancelled_by": user})

    return router


def _read(wish: Mapping[str, Any]) -> tuple[kept.Wanted, float, bool]:
    """Which letters, how many a second, and whether only to count; raises `BadValues`."""
    what = wish.get("what", "jobs")
    filters = FILTERS.get(what) if isinstance(what, str) else None
    if filters is None:
        raise BadValues([Fault("what", shown(what), "jobs or records is expected")])
    known = {*filters, "what", "rate", "dry_run"}
    faults = [
        Fault(name[:LONGEST], shown(value), f"there is no such member; there are {_listed(known)}")
        for name, value in wish.items()
        if name not in known
    ]
    for name in filters:
        if not _is_text(wish.get(name, "a text")):
            reason = f"a text of 1 to {LONGEST} characters is expected"
            faults.append(Fault(name, shown(wish[name]), reason))
    rate, dry_run = wish.get("rate", kept.RATE), wish.get("dry_run", False)
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 1 <= rate <= FASTEST:
        reason = f"a number from 1 to {FASTEST} is expected: letters per second"
        faults.append(Fault("rate", shown(rate), reason))
    if not isinstance(dry_run, bool):
        faults.append(Fault("dry_run", shown(dry_run), "true or false is expected"))
    if faults:
        raise BadValues(faults)
    told = {name: wish[name] for name in filters if name in wish}
    which = queue.Which(**told) if what == "jobs" else dead.Which(**told)
    return which, float(rate), dry_run


def _is_text(value: Any) -> bool:
    """Whether every database can look for it: PostgreSQL knows no NUL."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST and "\0" not in value


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
