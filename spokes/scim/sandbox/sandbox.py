"""The sandbox's front door: scim2-server's protocol, and the commands that steer it.

`{"do": "impoverish"}` makes of it a server such as canaille: it neither filters nor sorts, has no
bulk requests, takes no `count`, ignores a filter instead of refusing it, and shows members by their userName.
"""

from __future__ import annotations

import copy
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from scim2_models import Bulk, Filter, SCIMException, ScimProvider, Sort
from scim2_server.requests import ScimRequest
from scim2_server.service import ScimService
from scim2_server.utils import load_default_provider

from hub.testing import Answer, BadCommand, Request, Sandbox
from spokes.scim.sandbox import pairs
from spokes.scim.sandbox.bulk import Handler
from spokes.scim.sandbox.shelf import Shelf

JsonObject = dict[str, Any]

BASE = "/scim/v2"
TOKEN = "scim-sandbox-token-0sandbox0sandbox"
MOST = 1000
MOST_BYTES = 1024 * 1024
KINDS = {"Users": "User", "Groups": "Group"}


class ScimSandbox(Sandbox):
    """One tenant of a strict SCIM server, with no records to begin with but those of a seed."""

    name = "scim"

    def __init__(self, *, seed: Path | None = None) -> None:
        super().__init__(seed=seed)
        self.poor = False
        self.shelf = Shelf(self.clock.now)
        self.provider = _provider(poor=False)
        self._later: list[tuple[datetime, JsonObject]] = []
        if seed:
            self._load(seed)

    def settings(self) -> JsonObject:
        return {"url": f"{self.url}{BASE}", "sandbox": True, "token": TOKEN}

    # -- the API -----------------------------------------------------------------------------

    def answer(self, request: Request) -> Answer:
        self._settle()
        service = ScimService(self.provider)
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _error(401, "Missing or wrong bearer token", {"WWW-Authenticate": "Bearer"})
        if not request.path.startswith(f"{BASE}/"):
            return _error(404, f"No SCIM endpoint at {request.path!r}")
        query = dict(request.query)
        if self.poor and "count" in query:
            return _error(500, "Internal Server Error")  # canaille 0.3.6 compares it with a number
        asked = ScimRequest(
            method=request.method,
            base_url=f"{self.url}{BASE}",
            path=request.path.removeprefix(BASE),
            query=self._heeded(query),
            headers=request.headers,
            body=request.body,
        )
        try:
            told = Handler(service, self.shelf, self, BASE).handle(asked)
        except SCIMException as error:
            told = service.error_response(error)
        body = self._by_name(told.body) if self.poor and told.body else told.body
        content = None if body is None else orjson.dumps(body)
        return Answer(int(told.status), told.headers, content)

    def _by_name(self, body: JsonObject) -> JsonObject:
        """An answer in which members are called by their userName, whatever RFC 7643 says."""
        for shown in [body, *(body.get("Resources") or ())]:
            for member in shown.get("members") or ():
                member["value"] = self.shelf.user_names().get(member["value"], member["value"])
        return body

    def _heeded(self, query: dict[str, str]) -> dict[str, str]:
        """The parameters as this server takes them."""
        if self.poor:
            query = {k: v for k, v in query.items() if k not in {"filter", "sortBy", "sortOrder"}}
        given = query.get("count", "")
        if self.page_size is not None:
            count = min(int(given), self.page_size) if given.isdecimal() else self.page_size
            query["count"] = str(count)
        return query

    # -- what people do ----------------------------------------------------------------------

    def mutate(self, command: JsonObject) -> Any:
        """What every sandbox understands, and

        {"do": "impoverish"}    neither filter nor sort from now on, take no bulk requests, answer
                                `count` with 500, and show a member's userName as its value
        {"do": "create", "stream": "memberships", "data": {"group": G, "user": U}}   each is an id,
                                or the attributes of a new one; "delete" and "list" as well
        """
        self._settle()
        match command:
            case {"do": "expire_tokens"}:
                return None  # a tenant's token is good until it is replaced
            case {"do": "impoverish"}:
                self.poor, self.provider = True, _provider(poor=True)
                return None
            case {"do": "list", "stream": str(stream)} if stream in KINDS:
                return self.shelf.ids(KINDS[stream])
            case {"visible_at": str(when), **rest}:
                # Made at once where it has no id yet: only the API learns of it later.
                made = pairs.new_id if rest.get("stream") == pairs.STREAM else Shelf.new_id
                rest.setdefault("id", made(self.shelf))
                self._later.append((datetime.fromisoformat(when), rest))
                return rest["id"]
            case {"do": str(verb), "stream": str(stream)} if stream in KINDS:
                return self._obey(verb, KINDS[stream], command)
            case {"do": str(verb), "stream": pairs.STREAM}:
                return pairs.obey(self, verb, command)
            case _:
                raise BadCommand(f"the SCIM sandbox does not understand {command!r}")

    def _settle(self) -> None:
        """Do what was to become visible by now."""
        due = [command for when, command in self._later if when <= self.clock.now()]
        self._later = [one for one in self._later if one[0] > self.clock.now()]
        for command in due:
            self.mutate(command)

    def _obey(self, verb: str, kind: str, command: JsonObject) -> str:
        at = datetime.fromisoformat(command["at"]) if "at" in command else None
        data = copy.deepcopy(command.get("data") or {})
        id = str(command.get("id") or self.shelf.new_id())
        with self.provider:
            match verb:
                case "create":
                    self.shelf.add(self._type(kind), self._model(kind, data), id, at)
                case "update":
                    self.shelf.alter(self._type(kind), self._model(kind, data), id, at)
                case "delete":
                    self.shelf.take(self._type(kind), id)
                case _:
                    raise BadCommand(f"the SCIM sandbox does not understand {command!r}")
        return id

    def _type(self, kind: str) -> Any:
        return next(one for one in self.provider.resource_types if one.name == kind)

    def _model(self, kind: str, data: JsonObject) -> Any:
        model: Any = self.provider.model_for(kind)
        return model.model_validate(data)

    def members(self, group: str) -> list[JsonObject]:
        """Who is in a group, as the API shows it; raises `BadCommand` if there is no such group."""
        return self.shelf.members(self._type("Group"), group)

    def _load(self, seed: Path) -> None:
        """Resources as RFC 7643 shows them, one file each; what is none is left alone."""
        for file in sorted(seed.glob("*.json")):
            said = orjson.loads(file.read_bytes())
            kind = (said.get("meta") or {}).get("resourceType") if isinstance(said, dict) else None
            if kind in KINDS.values():
                stream = next(name for name, of in KINDS.items() if of == kind)
                data = {k: v for k, v in said.items() if k not in {"id", "meta"}}
                self.mutate({"do": "create", "stream": stream, "id": said["id"], "data": data})


@cache
def _standard() -> ScimProvider:
    """With the models of the RFC's schemas, which take a second to make."""
    return load_default_provider()


def _provider(*, poor: bool) -> ScimProvider:
    known = _standard()
    assert known.config is not None
    able = {
        "filter": Filter(supported=not poor, max_results=MOST),
        "sort": Sort(supported=not poor),
        "bulk": Bulk(supported=not poor, max_operations=MOST, max_payload_size=MOST_BYTES),
    }
    config = known.config.model_copy(update=able)
    return ScimProvider(known.models, known.resource_types, config)


def _error(status: int, detail: str, headers: JsonObject | None = None) -> Answer:
    urn = "urn:ietf:params:scim:api:messages:2.0:Error"
    body = {"schemas": [urn], "status": str(status), "detail": detail}
    return Answer(status, {"Content-Type": "application/scim+json", **(headers or {})}, body)


__all__ = ["TOKEN", "ScimSandbox"]
