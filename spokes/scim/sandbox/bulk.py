"""`/Bulk` as scim2-server has it, each operation in the journal and open to faults of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from scim2_models import Error, Resource
from scim2_server.bulk import BulkPlan, BulkStep
from scim2_server.handler import ScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.service import ScimService

from hub.testing import Answer, Request, Sandbox, part
from spokes.scim.sandbox.shelf import Shelf

Outcome = tuple[dict[str, Any], Resource[Any] | None]


class Handler(ScimHandler):
    """Handles one request for the sandbox."""

    def __init__(self, service: ScimService, shelf: Shelf, sandbox: Sandbox, base: str) -> None:
        super().__init__(service, shelf)
        self._sandbox, self._base = sandbox, base

    def run_bulk_step(self, request: ScimRequest, plan: BulkPlan, step: BulkStep) -> Outcome:
        done: list[Outcome] = []

        def ask(_: Request) -> Answer:
            done.append(super(Handler, self).run_bulk_step(request, plan, step))
            return Answer(int(done[0][0]["status"]), body=b"")

        alone = _alone(request, step, self._base)
        answer = part(self._sandbox, alone, ask)
        if done and int(done[0][0]["status"]) == answer.status:
            return done[0]
        outcome = self.service.bulk_outcome(request.base_url, plan.operation(step))
        error = Error(status=answer.status, detail=answer.content().decode())
        return outcome | {"status": answer.status, "response": error}, None


def _alone(whole: ScimRequest, step: BulkStep, base: str) -> Request:
    """The operation as a request of its own."""
    said: Mapping[str, Any] = orjson.loads(whole.body)["Operations"][step.index]
    version = {"if-match": str(said["version"])} if said.get("version") else {}
    path = f"{base}{said.get('path', '')}"
    body = orjson.dumps(said["data"]) if "data" in said else b""
    return Request(str(said.get("method")), path, headers=version, body=body, target=path)
