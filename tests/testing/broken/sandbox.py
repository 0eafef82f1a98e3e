"""Acme's sandbox: one table of work orders, kept in memory, with everything that goes wrong out there."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import orjson

from hub.testing import Answer, BadCommand, Request, Sandbox, SentHook

STREAM = "work_orders"
MOST_IDS = 50
CLIENT = b64encode(b"hub:s3cret-of-the-client").decode()


class AcmeSandbox(Sandbox):
    name = "acme"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._states: dict[str, list[tuple[datetime, dict[str, Any]]]] = {}
        self._keys: dict[str, str] = {}
        self._tokens: set[str] = set()
        self._given = 0
        self._events = 0

    def settings(self) -> dict[str, Any]:
        return {
            "url": self.url,
            "sandbox": True,
            "client_id": "hub",
            "client_secret": "s3cret-of-the-client",
            "hook_secret": "s3cret-of-the-hooks",
        }

    # -- the API -----------------------------------------------------------------------------------

    def answer(self, request: Request) -> Answer:  # noqa: PLR0911 -- one line per endpoint
        if (request.method, request.path) == ("POST", "/token"):
            return self._token(request)
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self._tokens:
            return _refused(401, "unknown or expired token")
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["work_orders"]:
                return self._list(request)
            case "POST", ["work_orders"]:
                return self._written(self._create(request.json(), {}))
            case "PUT", ["work_orders", "by-key", key]:
                if key not in self._keys:
                    self._keys[key] = self._create(request.json(), {})
                return self._written(self._keys[key])
            case "PATCH" | "DELETE", ["work_orders", str(id)]:
                return self._change(request, id)
            case _:
                return _refused(404, f"no {request.method} {request.path}")

    def _token(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Basic {CLIENT}":
            return Answer(401, {}, {"error": "invalid_client"})
        if request.form().get("grant_type") != "client_credentials":
            return Answer(400, {}, {"error": "unsupported_grant_type"})
        self._given += 1
        self._tokens.add(f"token-{self._given}")
        return Answer(200, {}, {"access_token": f"token-{self._given}", "token_type": "Bearer"})

    def _list(self, request: Request) -> Answer:
        asked = dict(request.query)
        if unknown := set(asked) - {"ids", "since", "after", "before"}:
            return _refused(400, f"unknown parameters: {sorted(unknown)}")
        if "ids" in asked:
            ids = asked["ids"].split(",")
            if len(ids) > MOST_IDS:
                return _refused(400, f"at most {MOST_IDS} ids")
            found = [row for row in map(self._shown, ids) if row]
            return Answer(200, {}, {"items": found, "next": None})
        start = (asked["since"], asked["after"])
        rows = [row for row in map(self._shown, self._states) if row]
        rows.sort(key=_place)
        rows = [row for row in rows if _place(row) > start and row["changed"] < asked["before"]]
        page = rows[: self.page_size or 100]
        if len(page) == len(rows):
            return Answer(200, {}, {"items": page, "next": None})
        since, after = _place(page[-1])
        rest = urlencode({"since": since, "after": after, "before": asked["before"]})
        return Answer(200, {}, {"items": page, "next": f"{self.url}/{STREAM}?{rest}"})

    def _change(self, request: Request, id: str) -> Answer:
        row = self._shown(id)
        if row is None or row["deleted"]:
            return _refused(404, f"no work order {id}")
        if request.headers.get("if-match", row["changed"]) != row["changed"]:
            return _refused(412, f"changed at {row['changed']}")
        gone = request.method == "DELETE"
        self._keep(row | ({"deleted": True} if gone else request.json()), {})
        return Answer(204) if gone else self._written(id)

    def _written(self, id: str) -> Answer:
        return Answer(200, {}, self._states[id][-1][1])

    # -- what users do -----------------------------------------------------------------------------

    def mutate(self, command: dict[str, Any]) -> Any:
        match command:
            case {"do": "list", "stream": "work_orders"}:
                shown = [row for row in map(self._shown, self._states) if row]
                return [row["id"] for row in shown if not row["deleted"]]
            case {"do": "expire_tokens"}:
                return self._tokens.clear()
            case {"do": "create", "stream": "work_orders", "data": dict(data)}:
                return self._create(data, command)
            case {"do": str(verb), "stream": "work_orders", "id": str(id)} if id in self._states:
                return self._keep(self._states[id][-1][1] | self._done(verb, command), command)
            case _:
                raise BadCommand(f"acme does not understand {command!r}")

    def _done(self, verb: str, command: dict[str, Any]) -> dict[str, Any]:
        """What a user's act changes in a record."""
        match verb:
            case "update":
                return dict(command["data"])
            case "delete":
                return {"deleted": True}
            case "undelete":
                return {"deleted": False, "restored": True}
            case "merge":
                self._keep(self._states[command["into"]][-1][1], command)
                return {"deleted": True, "merged_into": command["into"]}
            case _:
                raise BadCommand(f"acme does not understand {command!r}")

    def webhooks(self, command: dict[str, Any]) -> Sequence[SentHook]:
        self._events += 1
        event = {
            "event": self._events,
            "type": "changed",
            "stream": STREAM,
            "id": command["id"],
            "record": self._shown(command["id"]),
        }
        body = orjson.dumps(event)
        secret = str(command.get("secret") or self.settings()["hook_secret"])
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return [SentHook((("X-Acme-Signature", signature),), body)]

    # -- its table ---------------------------------------------------------------------------------

    def _create(self, data: dict[str, Any], command: dict[str, Any]) -> str:
        id = f"wo_{len(self._states) + 1:05}"
        return self._keep({**data, "id": id, "deleted": False}, command)

    def _keep(self, row: dict[str, Any], command: dict[str, Any]) -> str:
        now = self.clock.now()
        at = datetime.fromisoformat(command["at"]) if "at" in command else now
        seen = datetime.fromisoformat(command["visible_at"]) if "visible_at" in command else now
        state = row | {"changed": at.replace(microsecond=0).isoformat()}
        self._states.setdefault(row["id"], []).append((seen, state))
        return str(row["id"])

    def _shown(self, id: str) -> dict[str, Any] | None:
        now = self.clock.now()
        states = [state for seen, state in self._states.get(id, []) if seen <= now]
        return states[-1] if states else None


def _place(row: dict[str, Any]) -> tuple[str, str]:
    return row["changed"], row["id"]


def _refused(status: int, why: str) -> Answer:
    return Answer(status, {}, {"error": why})
