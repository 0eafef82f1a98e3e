"""The PLM's API, as strict as its own, and the commands that steer the sandbox."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson

from hub.testing import Answer, BadCommand, Request, Sandbox, SentHook
from spokes.plm.sandbox import seed as seeds
from spokes.plm.sandbox.tables import KEYS, Invalid, Row, Table, stamp

CLIENT, SECRET = "csm-hub", "plm-sandbox-client-secret"
HOOK_SECRET = "whsec_" + b64encode(b"plm-sandbox-hooks-1234567890abcd").decode()
TYPE = "application/vnd.plm.v2+json"
SCOPES = {"plm.read", "plm.write"}
TOKEN_LIFE = timedelta(hours=1)
MOST_PER_PAGE, USUAL_PER_PAGE, MOST_NUMBERS = 200, 50, 40
LISTS = {
    "parts": {"modified_since", "modified_before", "per_page", "cursor", "with_total", "numbers"},
    "defects": {
        *("modified_since", "modified_before", "per_page", "cursor", "with_total"),
        "external_ref",
    },
}
A_DAY = 100_000  # calls


class Refused(Exception):
    """The PLM's own error: a status, a code and a sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.answer = Answer(status, {}, {"error": {"code": code, "message": message}})


class PlmSandbox(Sandbox):
    """The PLM of an invented retailer: own-brand parts, and defects that stores reported."""

    name = "plm"

    def __init__(self, *, seed: Path | None = None) -> None:
        super().__init__(seed=seed)
        self.tables = {name: Table(name) for name in KEYS}
        self.secrets = [HOOK_SECRET]
        self._tokens: dict[str, datetime] = {}
        self._keys: dict[str, tuple[bytes, str]] = {}
        self._given = self._events = self._spent = 0
        self._day = self.clock.now().date()
        seeds.fill(self.tables, self.clock.now(), seed)

    def settings(self) -> Row:
        previous = {"previous_hook_secret": self.secrets[1]} if len(self.secrets) > 1 else {}
        return {
            "url": self.url,
            "sandbox": True,
            "client_id": CLIENT,
            "client_secret": SECRET,
            "hook_secret": self.secrets[0],
            **previous,
        }

    # -- the API -----------------------------------------------------------------------------

    def answer(self, request: Request) -> Answer:
        try:
            if request.path == "/oauth/token":
                return self._token(request)
            self._admit(request)
            answer = self._route(request)
        except Refused as refused:
            answer = refused.answer
        except Invalid as error:
            answer = Refused(422, "invalid", str(error)).answer
        left = {"X-RateLimit-Limit": str(A_DAY), "X-RateLimit-Remaining": str(A_DAY - self._spent)}
        return Answer(answer.status, {**answer.headers, **left}, answer.body)

    def _token(self, request: Request) -> Answer:
        pair = b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        form = request.form()
        if request.method != "POST" or form.get("grant_type") != "client_credentials":
            return Answer(400, {}, {"error": "unsupported_grant_type"})
        if request.headers.get("authorization") != f"Basic {pair}":
            return Answer(401, {"WWW-Authenticate": "Basic"}, {"error": "invalid_client"})
        if not set(form.get("scope", "").split()) <= SCOPES:
            return Answer(400, {}, {"error": "invalid_scope"})
        self._given += 1
        token = f"plm-token-{self._given:04}"
        self._tokens[token] = self.clock.now() + TOKEN_LIFE
        life = int(TOKEN_LIFE.total_seconds())
        return Answer(200, {}, {"access_token": token, "token_type": "Bearer", "expires_in": life})

    def _admit(self, request: Request) -> None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        until = self._tokens.get(token)
        if until is None or until <= self.clock.now():
            raise Refused(401, "invalid_token", "the access token is unknown or has expired")
        self._count()
        if request.headers.get("accept") != TYPE:
            raise Refused(406, "not_acceptable", f"ask for {TYPE}")
        if request.body and request.headers.get("content-type") != "application/json":
            raise Refused(415, "unsupported_media_type", "send application/json")

    def _count(self) -> None:
        """A day's calls begin anew at midnight, UTC."""
        if self._day != self.clock.now().date():
            self._day, self._spent = self.clock.now().date(), 0
        if self._spent >= A_DAY:
            raise Refused(403, "quota_exceeded", f"the {A_DAY:,} calls of this day are spent")
        self._spent += 1

    def _route(self, request: Request) -> Answer:
        match request.method, request.path.removeprefix("/api/v2").strip("/").split("/"):
            case "GET", [str(name)] if name in LISTS:
                return self._list(name, request)
            case "GET", ["defects", str(id)]:
                self._no_parameters(request)
                return self._one(self._found(id))
            case "POST", ["defects"]:
                return self._create(request)
            case "PATCH" | "DELETE", ["defects", str(id)]:
                return self._change(request, id)
            case _:
                raise Refused(404, "no_such_path", f"no {request.method} {request.path}")

    def _no_parameters(self, request: Request) -> None:
        if request.query:
            raise Refused(400, "unknown_parameter", f"unknown parameter {request.query[0][0]}")

    # -- lists

    def _list(self, name: str, request: Request) -> Answer:
        asked = dict(request.query)
        for key in asked:
            if key not in LISTS[name]:
                raise Refused(400, "unknown_parameter", f"unknown parameter {key}")
        rows = sorted(self.tables[name].all(self.clock.now()), key=_place)
        if "numbers" in asked:
            numbers = asked["numbers"].split(",")
            if len(numbers) > MOST_NUMBERS:
                raise Refused(400, "too_many", f"at most {MOST_NUMBERS} numbers")
            return Answer(200, {}, {"data": [row for row in rows if row["number"] in numbers]})
        rows = [row for row in rows if _within(row, asked)]
        total = {"total": len(rows)} if _flag(asked, "with_total") else {}
        after = _cursor(asked["cursor"]) if "cursor" in asked else ("", "")
        rows = [row for row in rows if _place(row) > after]
        size = min(self.page_size or MOST_PER_PAGE, _size(asked))
        headers = {"Link": self._next(name, asked, rows[size - 1])} if len(rows) > size else {}
        return Answer(200, headers, {"data": rows[:size], **total})

    def _next(self, name: str, asked: Row, last: Row) -> str:
        cursor = urlsafe_b64encode(orjson.dumps(_place(last))).decode()
        link = f"/api/v2/{name}?{urlencode({**asked, 'cursor': cursor})}"
        return f'<{link}>; rel="next", </api/v2/{name}>; rel="first"'

    # -- one defect

    def _found(self, id: str) -> Row:
        row = self.tables["defects"].shown(id, self.clock.now())
        if row is None:
            raise Refused(404, "not_found", f"no defect {id}")
        return row

    def _one(self, row: Row, status: int = 200) -> Answer:
        return Answer(status, {"ETag": _tag(row)}, {"data": row})

    def _create(self, request: Request) -> Answer:
        key = request.headers.get("idempotency-key", "")
        if not key:
            raise Refused(400, "idempotency_key_required", "send an Idempotency-Key")
        digest = hashlib.sha256(request.body).digest()
        known = self._keys.get(key)
        if known and known[0] != digest:
            raise Refused(422, "idempotency_key_reused", "the key was used with another body")
        if known:
            return self._one(self._found(known[1]), 201)
        data, now = _object(request), self.clock.now()
        reference = data.get("external_ref")
        taken = [row for row in self.tables["defects"].all(now) if row["external_ref"] == reference]
        if reference and taken:
            raise Refused(409, "duplicate", f"{reference} is the external_ref of {taken[0]['id']}")
        self._check_part(data)
        id = self.tables["defects"].create(data, now, now)
        self._keys[key] = digest, id
        return self._one(self._found(id), 201)

    def _change(self, request: Request, id: str) -> Answer:
        row, now = self._found(id), self.clock.now()
        if row["deleted"]:
            raise Refused(410, "deleted", f"the defect {id} was deleted")
        if request.headers.get("if-match", _tag(row)) != _tag(row):
            raise Refused(412, "changed", f"the defect was changed at {row['modified_at']}")
        if request.method == "DELETE":
            self.tables["defects"].delete(id, now, now)
            return Answer(204)
        data = _object(request)
        self._check_part(data)
        self.tables["defects"].update(id, data, now, now)
        return self._one(self._found(id))

    def _check_part(self, data: Row) -> None:
        part = data.get("part")
        if part is not None and self.tables["parts"].shown(part, self.clock.now()) is None:
            raise Invalid(f"part: there is no part {part}")

    # -- what people do ----------------------------------------------------------------------

    def mutate(self, command: Row) -> Any:
        """Besides what every sandbox understands, for parts and defects:

        {"do": "rotate_secret"}   webhooks are signed with a new secret; settings() has both
        {"do": "quota", "spent": N}   so many calls of this day are spent

        A part is never deleted. A deleted defect is listed with `deleted: true`, can be taken back
        (`undelete`), and one of two that are merged (`merge`) is deleted.
        """
        match command:
            case {"do": "expire_tokens"}:
                return self._tokens.clear()
            case {"do": "quota", "spent": int(spent)}:
                self._spent = spent
                return None
            case {"do": "rotate_secret"}:
                digest = hashlib.sha256(self.secrets[0].encode()).digest()
                self.secrets = ["whsec_" + b64encode(digest).decode(), self.secrets[0]]
                return None
            case {"do": str(verb), "stream": str(name)} if name in self.tables:
                return self._obey(verb, self.tables[name], command)
            case _:
                raise BadCommand(f"the PLM sandbox does not understand {command!r}")

    def _obey(self, verb: str, table: Table, command: Row) -> Any:
        now = self.clock.now()
        at = datetime.fromisoformat(command["at"]) if "at" in command else now
        seen = datetime.fromisoformat(command["visible_at"]) if "visible_at" in command else now
        try:
            match verb, command:
                case "list", _:
                    return [row[table.key] for row in table.all(now) if not row.get("deleted")]
                case "create", {"data": dict(data)}:
                    return table.create(data, at, seen, str(command.get("id") or ""))
                case "update", {"id": str(id), "data": dict(data)}:
                    return table.update(id, data, at, seen)
                case "delete", {"id": str(id)}:
                    return table.delete(id, at, seen)
                case "undelete", {"id": str(id)} if table.name == "defects":
                    return table.undelete(id, at, seen)
                case "merge", {"id": str(id), "into": str(into)} if table.name == "defects":
                    return table.merge(id, into, at, seen)
                case _:
                    pass
        except Invalid as error:
            raise BadCommand(str(error)) from error
        raise BadCommand(f"the PLM sandbox does not understand {command!r}")

    def webhooks(self, command: Row) -> Sequence[SentHook]:
        """ "topic": `defect.deleted` and such, instead of `….updated`."""
        name, id = str(command.get("stream")), str(command.get("id"))
        if name not in self.tables:
            raise BadCommand(f"no stream {name!r}: there are {', '.join(self.tables)}")
        row = self.tables[name].last(id)
        told = {KEYS[name]: id, "modified_at": row["modified_at"]}
        now = self.clock.now()
        event = {"type": command.get("topic") or f"{name[:-1]}.updated", "timestamp": stamp(now)}
        return [self._signed({**event, "data": told}, now, str(command.get("secret") or ""))]

    def _signed(self, event: Row, now: datetime, secret: str) -> SentHook:
        self._events += 1
        id, at = f"msg_{self._events:08}", str(int(now.timestamp()))
        body = orjson.dumps(event)
        key = _key(secret or self.secrets[0])
        digest = hmac.digest(key, f"{id}.{at}.".encode() + body, "sha256")
        headers = (
            ("Content-Type", "application/json"),
            ("webhook-id", id),
            ("webhook-timestamp", at),
            ("webhook-signature", f"v1,{b64encode(digest).decode()}"),
        )
        return SentHook(headers, body)


def _key(secret: str) -> bytes:
    if secret.startswith("whsec_"):
        return b64decode(secret.removeprefix("whsec_"))
    return secret.encode()


def _place(row: Row) -> tuple[str, str]:
    return row["modified_at"], row.get("number") or row["id"]


def _within(row: Row, asked: Row) -> bool:
    at = row["modified_at"]
    since, before = (_moment(asked, key) for key in ("modified_since", "modified_before"))
    reference = asked.get("external_ref")
    return (
        (not since or at >= since)
        and (not before or at < before)
        and (reference is None or row["external_ref"] == reference)
    )


def _moment(asked: Row, key: str) -> str:
    if key not in asked:
        return ""
    try:
        return stamp(datetime.fromisoformat(asked[key]))
    except ValueError:
        raise Refused(400, "bad_parameter", f"{key} is not ISO 8601") from None


def _size(asked: Row) -> int:
    size = asked.get("per_page", str(USUAL_PER_PAGE))
    if not size.isdecimal() or not 1 <= int(size) <= MOST_PER_PAGE:
        raise Refused(400, "bad_parameter", f"per_page is 1 to {MOST_PER_PAGE}")
    return int(size)


def _flag(asked: Row, key: str) -> bool:
    if asked.get(key, "false") not in {"true", "false"}:
        raise Refused(400, "bad_parameter", f"{key} is true or false")
    return bool(asked.get(key) == "true")


def _cursor(text: str) -> tuple[str, str]:
    try:
        at, id = orjson.loads(urlsafe_b64decode(text))
    except (ValueError, TypeError):
        raise Refused(400, "cursor_expired", "the cursor is not known (any more)") from None
    return at, id


def _tag(row: Row) -> str:
    return f'"{row["modified_at"]}"'


def _object(request: Request) -> Row:
    try:
        data = request.json()
    except ValueError:
        raise Refused(400, "bad_json", "the body is not JSON") from None
    if not isinstance(data, dict):
        raise Refused(400, "bad_json", "the body is not an object")
    return data
