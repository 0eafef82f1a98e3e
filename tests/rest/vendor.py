"""A vendor of many habits: one strict table behind every way to sign in, to page and to sign webhooks."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal
from urllib.parse import urlencode

import orjson

from hub.testing import Answer, BadCommand, Request, Sandbox, SentHook

Row = dict[str, Any]
USER, SECRET, HOOK = "hub-user", "vendor-secret-1", "vendor-hooks-1"


@dataclass(frozen=True, slots=True)
class Habits:
    """How this vendor does things, and the YAML that says the same."""

    pages: Literal["page", "offset", "cursor", "link", "next_url", "keyset", "whole"]
    auth: Literal["none", "header", "basic", "bearer", "oauth2", "hmac"]
    scheme: Literal[
        "standard", "svix", "github", "stripe", "shopify", "slack", "woocommerce", "static"
    ]
    time: Literal["iso", "epoch", "epoch_ms"] = "iso"
    more: bool = False
    stones: Literal["", "apart"] = ""

    @property
    def settings(self) -> list[str]:
        """What must be known to sign in."""
        used = {"none": "", "header": "secret", "bearer": "secret"}.get(self.auth, "user secret")
        return used.split()

    @property
    def yaml(self) -> str:
        return f"""\
spoke: vendor
about: Things, whatever the vendor's habits are.
settings:
  hook_secret: secret
  older: {{secret: true, required: false}}
  {"user: text" if "user" in self.settings else ""}
  {"secret: secret" if "secret" in self.settings else ""}
{AUTHS[self.auth]}
streams:
  things:
    id: id
    version: changed
    deleted: deleted
    path: /v1/things
    records: data.things
    {PAGES[self.pages].replace("{by:", "{more: data.more, by:" if self.more else "{by:")}
    {f"since: {{parameter: since, format: {self.time}, until: before}}" if self.pages != "whole" else "query: {sort: changed}"}
    {"tombstones: {path: /v1/gone, records: data.things, id: id, version: changed}" if self.stones else ""}
    record: thing
    wrap: thing
    fetch: /v1/things/{{id}}
    create: POST /v1/things
    update: PATCH /v1/things/{{id}}
    delete: DELETE /v1/things/{{id}}
    find: ref
    external_key: ref
    etag: 'W/"{{version}}"'
webhooks:
  {SCHEMES[self.scheme]}
  secrets: [hook_secret, older]
  event: event.type
  events:
    things.*: {{stream: things, id: event.id}}
"""  # fmt: skip


AUTHS = {
    "none": "headers: {X-Team: secretaries}",
    "header": "auth: {header: {name: X-Api-Key, secret: secret, prefix: 'Key '}}",
    "basic": "auth: {basic: {user: user, password: secret}}",
    "bearer": "auth: {bearer: secret}",
    "oauth2": "auth: {oauth2: {token_url: /token, client_id: user, client_secret: secret, sent_in: body}}",
    "hmac": (
        "auth: {hmac: {secret: secret, header: X-Sig, prefix: 'HMAC ', encoding: base64, algorithm: sha512,\n"
        "  separator: '|', sign: [method, host, path, query, timestamp, body],\n"
        "  timestamp: {header: X-Time, format: iso}, key_id: {header: X-User, setting: user}}}"
    ),
}  # fmt: skip
PAGES = {
    "page": "pages: {by: page, parameter: page, size: {size: 50}}",
    "offset": "pages: {by: offset, parameter: skip, size: {size: 50}}",
    "cursor": "pages: {by: cursor, parameter: cursor, next: data.next, alone: true, size: {size: 50}}",
    "link": "pages: {by: link, size: {size: 50}}",
    "next_url": "pages: {by: next_url, next: data.next, size: {size: 50}}",
    "keyset": "pages: {by: keyset, parameter: after, size: {size: 50}}",
    "whole": "pages: {by: page, parameter: page, first: 0, size: {size: 50}}",
}
SCHEMES = {
    "static": "scheme: static\n  header: X-Hook-Token",
    **{
        name: f"scheme: {name}"
        for name in ("standard", "svix", "github", "stripe", "shopify", "slack", "woocommerce")
    },
}
EXAMPLE: Row = {
    "settings": {"url": "https://vendor.example", "user": USER, "secret": SECRET, "hook_secret": HOOK},
    "streams": {
        "things": {
            "create": {"title": "Thing {n}"}, "update": {"title": "Other {n}"}, "tombstones": True,
            "missing": "t_0/../é", "key": "id", "version": "changed", "deleted": "deleted",
        }
    },
    "fetch": {"things": {"ids": ["t_00001"], "exchanges": []}},
    "webhook": {
        "headers": {}, "body": "{}", "tells": [{"stream": "things", "id": "t_00001"}],
        "ignored": {"body": "{}"}, "signature": "x", "secret": "hook_secret", "previous": "older",
    },
    "write": {
        "stream": "things", "id": "t_00001", "data": {"title": "New {n}"},
        "update": {"title": "Newer {n}"}, "conflicts": True, "exchanges": [],
    },
}  # fmt: skip
"""What the rules that need only a sandbox ask of an example."""


class Vendor(Sandbox):
    """Subclasses have `habits`."""

    name = "vendor"
    habits: ClassVar[Habits]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._states: dict[str, list[tuple[datetime, Row]]] = {}
        self._tokens: set[str] = set()
        self._given = self._events = 0

    def settings(self) -> Row:
        own = {name: {"user": USER, "secret": SECRET}[name] for name in self.habits.settings}
        return {"url": self.url, "sandbox": True, "hook_secret": HOOK, **own}

    # -- the API

    def answer(self, request: Request) -> Answer:  # noqa: PLR0911 -- one line per endpoint
        if request.path == "/token":
            return self._token(request)
        if not self._knows(request):
            return Answer(401, {}, {"error": "who are you?"})
        match request.method, request.target.partition("?")[0].strip("/").split("/"):
            case "GET", ["v1", "things" | "gone" as which]:
                return self._list(which, request)
            case "POST", ["v1", "things"]:
                now = self.clock.now()
                row = request.json()["thing"]
                if any(each["ref"] == row["ref"] for each in self._all()):
                    return Answer(409, {}, {"error": "ref is taken"})
                return self._one(self._create(row, now, now))
            case method, ["v1", "things", str(id)]:
                return self._record(method, id, request)
            case _:
                return Answer(404, {}, {"error": request.target})

    def _record(self, method: str, id: str, request: Request) -> Answer:
        row, now = self._shown(id), self.clock.now()
        if row is None or (row["deleted"] and method != "GET"):
            return Answer(404, {}, {"error": f"no {id}"})
        if request.headers.get("if-match", _tag(row)) != _tag(row):
            return Answer(412, {}, {"error": "changed meanwhile"})
        if method == "DELETE":
            self._keep({**row, "deleted": True}, now, now)
            return Answer(204)
        if method == "PATCH":
            self._keep({**row, **request.json()["thing"]}, now, now)
            return Answer(204, {"ETag": _tag(self._shown(id) or {})})
        return self._one(id)

    def _one(self, id: str) -> Answer:
        return Answer(200, {}, {"thing": self._shown(id)})

    def _token(self, request: Request) -> Answer:
        wanted = {"grant_type": "client_credentials", "client_id": USER, "client_secret": SECRET}
        if request.form() != wanted:
            return Answer(401, {}, {"error": "invalid_client"})
        self._given += 1
        self._tokens.add(f"token-{self._given}")
        return Answer(200, {}, {"access_token": f"token-{self._given}", "token_type": "bearer"})

    def _knows(self, request: Request) -> bool:  # noqa: PLR0911 -- one line per way
        given = request.headers
        match self.habits.auth:
            case "none":
                return "authorization" not in given and given.get("x-team") == "secretaries"
            case "header":
                return given.get("x-api-key") == f"Key {SECRET}"
            case "basic":
                return given.get("authorization") == "Basic " + b64encode(f"{USER}:{SECRET}".encode()).decode()  # fmt: skip
            case "bearer":
                return given.get("authorization") == f"Bearer {SECRET}"
            case "oauth2":
                return given.get("authorization", "").removeprefix("Bearer ") in self._tokens
            case "hmac":
                path, _, query = request.target.partition("?")
                at = given.get("x-time", "")
                if abs(datetime.fromisoformat(at) - self.clock.now()).total_seconds() > 300:
                    return False
                parts = [request.method, given["host"], path, query, at]
                text = "|".join(parts).encode() + b"|" + request.body
                ours = b64encode(hmac.digest(SECRET.encode(), text, "sha512")).decode()
                return given.get("x-sig") == f"HMAC {ours}" and given.get("x-user") == USER

    # -- lists

    def _list(self, which: str, request: Request) -> Answer:
        asked, habits = dict(request.query), self.habits
        if "ref" in asked:
            found = [
                row for row in self._all() if row["ref"] == asked["ref"] and not row["deleted"]
            ]
            return Answer(200, {}, {"data": {"things": found}})
        if habits.pages == "cursor" and "cursor" in asked and len(asked) > 1:
            return Answer(400, {}, {"error": "a cursor stands alone"})
        state = orjson.loads(bytes.fromhex(asked["cursor"])) if "cursor" in asked else asked
        rows = sorted(self._asked(which, state), key=_place)
        size = min(int(state.get("size", 50)), self.page_size or 50)
        start = {
            "page": (int(asked.get("page", 1)) - 1) * size,
            "whole": int(asked.get("page", 0)) * size,
            "offset": int(asked.get("skip", 0)),
        }.get(habits.pages, 0)
        page = rows[start : start + size]
        return self._page(which, page, state, more=len(rows) > start + size)

    def _asked(self, which: str, asked: Row) -> Iterator[Row]:
        since, before = (self._moment(asked.get(key)) for key in ("since", "before"))
        last = (asked.get("last_at", ""), asked.get("last_id", ""))
        if self.habits.pages == "keyset" and since:
            last = (since, asked.get("after", ""))
        for row in self._all():
            apart = self.habits.stones and row["deleted"] != (which == "gone")
            if not apart and since <= row["changed"] < (before or "~") and _place(row) > last:
                yield row

    def _moment(self, text: str | None) -> str:
        if text is None:
            return ""
        if self.habits.time == "iso":
            return datetime.fromisoformat(text).isoformat()
        seconds = int(text) / (1000 if self.habits.time == "epoch_ms" else 1)
        return datetime.fromtimestamp(seconds, UTC).isoformat()

    def _page(self, which: str, page: list[Row], asked: Row, *, more: bool) -> Answer:
        data: Row = {"things": page}
        headers: Row = {}
        if more and self.habits.pages in {"cursor", "link", "next_url"}:
            at, id = _place(page[-1])
            state = {**asked, "last_at": at, "last_id": id}
            cursor = orjson.dumps(state).hex()
            link = f"/v1/{which}?{urlencode({'cursor': cursor})}"
            data["next"] = cursor if self.habits.pages == "cursor" else f"{self.url}{link}"
            headers = {"Link": f'<{link[4:]}>; rel="next"'} if self.habits.pages == "link" else {}
        if self.habits.more:
            data["more"] = more
        return Answer(200, headers, {"data": data})

    # -- what users do

    def mutate(self, command: Row) -> Any:
        now = self.clock.now()
        at, seen = (
            datetime.fromisoformat(command[key]) if key in command else now
            for key in ("at", "visible_at")
        )
        match command:
            case {"do": "list"}:
                return [row["id"] for row in self._all() if not row["deleted"]]
            case {"do": "expire_tokens"}:
                return self._tokens.clear()
            case {"do": "create", "data": dict(data)}:
                return self._create(data, at, seen)
            case {"do": "update", "id": str(id), "data": dict(data)}:
                return self._keep({**self._states[id][-1][1], **data}, at, seen)
            case {"do": "delete", "id": str(id)} | {"do": "merge", "id": str(id)}:
                into = command.get("into")
                if into:
                    self._keep({**self._states[into][-1][1], "merged": id}, at, seen)
                return self._keep({**self._states[id][-1][1], "deleted": True}, at, seen)
            case {"do": "undelete", "id": str(id)}:
                return self._keep({**self._states[id][-1][1], "deleted": False}, at, seen)
            case _:
                raise BadCommand(f"the vendor does not understand {command!r}")

    def webhooks(self, command: Row) -> Sequence[SentHook]:
        self._events += 1
        event = {"type": "things.changed", "id": command["id"]}
        body = orjson.dumps(
            {"id": f"evt_{self._events}", "event_id": f"Ev{self._events}", "event": event}
        )
        secret = str(command.get("secret") or HOOK)
        signed = SIGN[self.habits.scheme](body, secret, str(int(self.clock.now().timestamp())))
        return [SentHook(tuple(signed.items()), body)]

    # -- its table

    def _create(self, data: Row, at: datetime, seen: datetime) -> str:
        id = f"t_{len(self._states) + 1:05}"
        return self._keep({"ref": None, **data, "id": id, "deleted": False}, at, seen)

    def _keep(self, row: Row, at: datetime, seen: datetime) -> str:
        row = {**row, "changed": at.replace(microsecond=0).isoformat()}
        self._states.setdefault(row["id"], []).append((seen, row))
        return str(row["id"])

    def _shown(self, id: str) -> Row | None:
        now = self.clock.now()
        states = [row for seen, row in self._states.get(id, ()) if seen <= now]
        return states[-1] if states else None

    def _all(self) -> list[Row]:
        return [row for row in map(self._shown, self._states) if row]


def _place(row: Row) -> tuple[str, str]:
    return row["changed"], row["id"]


def _tag(row: Row) -> str:
    return f'W/"{row["changed"]}"'


def _hex(text: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def _base64(text: bytes, secret: str) -> str:
    return b64encode(hmac.digest(secret.encode(), text, hashlib.sha256)).decode()


def _standard(body: bytes, secret: str, at: str, prefix: str = "webhook") -> dict[str, str]:
    id = f"msg_{hashlib.sha256(body).hexdigest()[:8]}"
    signature = _base64(f"{id}.{at}.".encode() + body, secret)
    return {f"{prefix}-id": id, f"{prefix}-timestamp": at, f"{prefix}-signature": f"v1,{signature}"}


SIGN: dict[str, Any] = {
    "standard": _standard,
    "svix": lambda body, secret, at: _standard(body, secret, at, "svix"),
    "github": lambda body, secret, _: {"X-Hub-Signature-256": f"sha256={_hex(body, secret)}"},
    "stripe": lambda body, secret, at: {
        "Stripe-Signature": f"t={at},v1={_hex(f'{at}.'.encode() + body, secret)}"
    },
    "shopify": lambda body, secret, _: {"X-Shopify-Hmac-SHA256": _base64(body, secret)},
    "slack": lambda body, secret, at: {
        "X-Slack-Request-Timestamp": at,
        "X-Slack-Signature": f"v0={_hex(f'v0:{at}:'.encode() + body, secret)}",
    },
    "woocommerce": lambda body, secret, _: {"X-WC-Webhook-Signature": _base64(body, secret)},
    "static": lambda _, secret, __: {"X-Hook-Token": secret},
}
