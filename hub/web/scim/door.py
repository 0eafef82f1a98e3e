"""Where directories push: who they are first, then their body within limits, then what they want.

    unknown token ─▶ 401, whatever else    too large, compressed, slow ─▶ 413, 415, 408
    SCIM's own refusals ─▶ 4xx             database away or busy ─▶ 503 and Retry-After

Every refusal is an error as SCIM has it (RFC 7644, 3.12). Bodies are never logged: directories send
passwords, or what they made of them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from uuid import uuid4

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from scim2_models import Error, SCIMException, UnauthorizedException, UniquenessException
from scim2_server.handler import ScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import SCIM_MEDIA_TYPE, ScimResponse
from sqlalchemy.exc import IntegrityError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from hub.errors import Transient
from hub.store import access
from hub.store.database import Database
from hub.sync.connection import Connections
from hub.web import body
from hub.web.body import Limit
from hub.web.entry import known
from hub.web.problems import Problem, problem_of
from hub.web.scim.published import provider
from hub.web.scim.service import Directories
from hub.web.scim.tenant import TenantStorage
from hub.web.scim.writing import Tenant

log = structlog.get_logger()

PREFIX = "/scim/v2"
BODY_BYTES = 1024 * 1024
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
OPEN = "/ServiceProviderConfig"
"""What needs no token (RFC 7643, 5): it says how to get in."""
REFUSALS = (SCIMException, IntegrityError, Transient, Problem, ClientDisconnect)


def install(
    app: FastAPI, db: Database, connections: Connections, clock: Callable[[], float]
) -> None:
    """Serve SCIM under /scim/v2. `clock` gives seconds since 1970."""
    door = Door(db, connections, clock)
    app.add_route(f"{PREFIX}/{{path:path}}", door.answer, METHODS, include_in_schema=False)


class Door:
    """Answers what directories ask. One object serves all of them, in threads."""

    def __init__(self, db: Database, connections: Connections, clock: Callable[[], float]) -> None:
        self._db, self._connections, self._clock = db, connections, clock
        self._service = Directories(provider())
        self._limit = Limit(BODY_BYTES)

    async def answer(self, request: Request) -> Response:
        asked = _asked(request)
        try:
            tenant = "" if asked.path == OPEN else await run_in_threadpool(self._tenant, request)
            asked.body = await body.read(request, self._limit)
            answer = await run_in_threadpool(self._serve, tenant, asked)
        except REFUSALS as error:
            answer = self._refusal(asked, error)
        except Exception:
            error_id = uuid4().hex[:12]
            log.exception("request failed", error_id=error_id, method=asked.method, path=asked.path)
            detail = f"The hub has failed at this request; its log has {error_id}."
            answer = _error(HTTPStatus.INTERNAL_SERVER_ERROR, detail)
        content = b"" if answer.body is None else orjson.dumps(answer.body)
        return Response(content, int(answer.status), headers=answer.headers)

    def _tenant(self, request: Request) -> str:
        """The name of the directory; raises `UnauthorizedException`, for whatever reason alike."""
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        given = secret.strip() if scheme.lower() == "bearer" else ""
        token = known(self._db, self._clock(), given, access.check_tenant)
        if token is None:
            raise UnauthorizedException(
                detail="A token of this tenant is needed, as `Authorization: Bearer hub_scim_...`"
            )
        return token.tenant

    def _serve(self, tenant: str, asked: ScimRequest) -> ScimResponse:
        now = datetime.fromtimestamp(int(self._clock()), UTC)  # rows keep whole seconds
        storage = TenantStorage(
            Tenant(tenant, self._db, self._connections, now),
            self._service.provider,
            writes=asked.method not in {"GET", "HEAD"} and not asked.path.endswith("/.search"),
        )
        return ScimHandler(self._service, storage).handle(asked)

    def _refusal(self, asked: ScimRequest, error: Exception) -> ScimResponse:
        match error:
            case SCIMException():
                return self._service.error_response(error)
            case IntegrityError():
                return self._service.error_response(UniquenessException())
            case Transient():
                log.warning("not available", path=asked.path, error=str(error))
                return _refused(problem_of(error))
            case _:
                return _refused(problem_of(error))


def _asked(request: Request) -> ScimRequest:
    path = request.path_params["path"].removesuffix(".scim")
    return ScimRequest(
        method="GET" if request.method == "HEAD" else request.method,
        base_url=f"{request.url.scheme}://{request.url.netloc}{PREFIX}",
        path=f"/{path}",
        query=dict(request.query_params),
        headers=request.headers.items(),
    )


def _refused(problem: Problem) -> ScimResponse:
    answer = _error(HTTPStatus(problem.status), str(problem))
    answer.headers |= problem.headers
    return answer


def _error(status: HTTPStatus, detail: str) -> ScimResponse:
    said = Error(status=int(status), detail=detail).model_dump()
    return ScimResponse(status, said, {"Content-Type": SCIM_MEDIA_TYPE})
