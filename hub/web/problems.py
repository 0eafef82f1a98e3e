"""What went wrong, as HTTP says it: the only place that turns errors into answers.

Bodies are problem details (RFC 9457) with one more member: `next_step`, what to do about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from hub.errors import Conflict, NotFound, Permanent, SyncError, Transient
from hub.service.rules import Refused
from hub.service.typed import BadValues
from hub.store.entities import UnknownEntity

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = 10
"""Seconds after which a database that was away or busy is worth another try."""


class Problem(Exception):
    """An answer that is an error. `more` are further members of the body."""

    def __init__(
        self,
        status: int,
        detail: str,
        next_step: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status, self.headers = status, dict(headers or {})
        self.body = {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
            "next_step": next_step,
            **more,
        }

    def response(self) -> Response:
        content = orjson.dumps(self.body)
        return Response(content, self.status, headers=self.headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Let every error that we know become its problem. The others: see `edge`."""
    known = (
        Problem,
        SyncError,
        UnknownEntity,
        HTTPException,
        RequestValidationError,
        ClientDisconnect,
    )
    for kind in known:
        app.add_exception_handler(kind, answer)


async def answer(request: Request, error: Exception) -> Response:
    """What the sender is told of an error; anything unknown is raised again."""
    if isinstance(error, Transient):
        log.warning("not available", path=request.url.path, error=str(error))
    return problem_of(error).response()


def problem_of(error: Exception) -> Problem:
    """The problem that an error is to whoever asked; anything unknown is raised again."""
    match error:
        case Problem():
            return error
        case HTTPException():
            return _plain(error)
        case RequestValidationError():
            return _bad_query(error)
        case ClientDisconnect():
            return Problem(400, "The request broke off.", "Send it again.")
        case UnknownEntity():
            return Problem(404, str(error.args[0]), "GET /openapi.json lists the paths.")
        case SyncError():
            return _of_ours(error)
        case _:
            raise error


def _of_ours(error: SyncError) -> Problem:
    match error:
        case BadValues():
            faults = [
                {"field": fault.field, "value": fault.value, "reason": fault.reason}
                for fault in error.faults
            ]
            count = f"{len(faults)} values do" if len(faults) > 1 else "A value does"
            return Problem(422, f"{count} not fit: {error}", MEND, faults=faults)
        case Refused():
            fault = {"field": str(error).partition(":")[0], "value": "", "reason": str(error)}
            return Problem(422, str(error), MEND, faults=[fault])
        case NotFound():
            return Problem(404, str(error), "Look it up: GET /admin/api/records/{table}.")
        case Conflict():
            return Problem(409, str(error), "Read the record again, then repeat the change.")
        case Transient():
            return unavailable()
        case Permanent():
            return Problem(400, str(error), "Send what the detail asks for.")
        case _:
            raise error


MEND = "Nothing was changed. Mend the values and send them again."


def unavailable() -> Problem:
    """The database is away, locked, full or read-only; where it is, is nobody's business."""
    return Problem(
        503,
        "The hub's database cannot be used now; nothing was stored.",
        f"Send the same request again in {RETRY_AFTER} seconds.",
        headers={"Retry-After": str(RETRY_AFTER)},
    )


def busy() -> Problem:
    """More has come at once than there is room for."""
    return Problem(
        503,
        "The hub has more to take in than it can hold now; nothing was stored.",
        f"Send the same request again in {RETRY_AFTER} seconds.",
        headers={"Retry-After": str(RETRY_AFTER)},
    )


def broken(error_id: str) -> Problem:
    """A bug of ours; the log has the rest under this id."""
    return Problem(
        500,
        "The hub has failed at this request; nothing was stored.",
        f"Try again later; if it stays, look for {error_id} in the hub's log.",
        error_id=error_id,
    )


_STEPS = {
    404: "GET /openapi.json lists the paths.",
    405: "The Allow header names the methods of this path.",
}


def _plain(error: HTTPException) -> Problem:
    step = _STEPS.get(error.status_code, "")
    return Problem(error.status_code, f"{error.detail}.", step, headers=error.headers)


def _bad_query(error: RequestValidationError) -> Problem:
    faults = [
        {
            "field": str(fault["loc"][-1]),
            "value": repr(fault.get("input"))[:80],
            "reason": fault["msg"],
        }
        for fault in error.errors()
    ]
    told = "; ".join(f"{fault['field']}: {fault['reason']}" for fault in faults)
    return Problem(400, told, "Mend the address and send it again.", faults=faults)
