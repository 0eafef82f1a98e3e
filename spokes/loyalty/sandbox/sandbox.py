"""The loyalty service's API, as strict as its own, and the commands that steer the sandbox."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from hub.testing import Answer, BadCommand, Request, Sandbox, SentHook
from spokes.loyalty.sandbox import seed as seeds
from spokes.loyalty.sandbox.ledger import FIELDS, PATCHED, Invalid, Ledger, Row, check, stamp

PROGRAM = "main"
KEY_ID, KEY = "hub-1", "loyalty-sandbox-key-9f2c"
HOOK_SECRET = "loyalty-sandbox-hooks-51d0"
CLOCKS_DIFFER = timedelta(minutes=5)
TOKEN_LIFE = timedelta(minutes=30)
MOST_PER_PAGE, MOST_IDS = 200, 50
LISTED = {
    "members": {"page_size", "page_token", "changed_since", "external_ref"},
    "points": {"page_size", "page_token", "changed_since", "include", "ids"},
}


class Refused(Exception):
    """The service's own error: a status, a code and a sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.answer = Answer(status, {}, {"code": code, "message": message})


class LoyaltySandbox(Sandbox):
    """The customer card of an invented retailer."""

    name = "loyalty"

    def __init__(self, *, seed: Path | None = None) -> None:
        super().__init__(seed=seed)
        self.ledger = Ledger()
        self.secrets = [HOOK_SECRET]
        self._events = 0
        seeds.fill(self.ledger, self.clock.now(), seed)

    def settings(self) -> Row:
        previous = {"previous_hook_secret": self.secrets[1]} if len(self.secrets) > 1 else {}
        return {
            "url": self.url,
            "sandbox": True,
            "program": PROGRAM,
            "key_id": KEY_ID,
            "key_secret": KEY,
            "hook_secret": self.secrets[0],
            **previous,
        }

    # -- the API -----------------------------------------------------------------------------

    def answer(self, request: Request) -> Answer:
        try:
            self._admit(request)
            return self._route(request)
        except Refused as refused:
            return refused.answer
        except Invalid as error:
            return Refused(422, "invalid", str(error)).answer

    def _admit(self, request: Request) -> None:
        """The signature is of time, method, path with query, and the body's digest."""
        at = request.headers.get("x-loyalty-timestamp", "")
        if (
            not at.isdecimal()
            or abs(self.clock.now().timestamp() - int(at)) > CLOCKS_DIFFER.seconds
        ):
            raise Refused(401, "stale", "X-Loyalty-Timestamp is not within five minutes of now")
        digest = hashlib.sha256(request.body).hexdigest()
        text = f"{at}\n{request.method}\n{request.target}\n{digest}"
        signature = hmac.new(KEY.encode(), text.encode(), "sha256").hexdigest()
        known = request.headers.get("x-loyalty-key") == KEY_ID
        if not known or request.headers.get("x-loyalty-signature") != signature:
            raise Refused(401, "unsigned", "the request is not signed with this key")
        if request.body and request.headers.get("content-type") != "application/json":
            raise Refused(415, "not_json", "send application/json")

    def _route(self, request: Request) -> Answer:
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["v1", "main", str(name)] if name in LISTED:
                return self._list(name, request)
            case "GET", ["v1", "main", str(name), "count"] if name in LISTED:
                return self._counted(name, request)
            case "GET", ["v1", "main", "members", str(id)]:
                return Answer(200, {}, self._found("members", id))
            case "POST", ["v1", "main", "members"]:
                return self._join(request)
            case "PATCH", ["v1", "main", str(name), str(id)] if name in LISTED:
                return self._change(name, id, request)
            case "DELETE", ["v1", "main", "members", str(id)]:
                self._found("members", id)
                self.ledger.erase(id, self.clock.now(), self.clock.now())
                return Answer(204)
            case _:
                raise Refused(404, "unknown", f"no {request.method} {request.path}")

    def _found(self, name: str, id: str) -> Row:
        row = self.ledger.shown(name, id, self.clock.now())
        if row is None:
            raise Refused(404, "unknown", f"no {id} in {name}")
        return row

    # -- lists

    def _list(self, name: str, request: Request) -> Answer:
        asked = dict(request.query)
        if strange := sorted(set(asked) - LISTED[name]):
            raise Refused(400, "parameter", f"unknown parameter {strange[0]}")
        rows = sorted(self.ledger.all(name, self.clock.now()), key=_place)
        if "external_ref" in asked:
            return Answer(200, {}, {"items": [r for r in rows if r["external_ref"] == asked["external_ref"]]})  # fmt: skip
        if "ids" in asked:
            ids = asked["ids"].split(",")
            if len(ids) > MOST_IDS:
                raise Refused(400, "parameter", f"at most {MOST_IDS} ids")
            return Answer(200, {}, {"items": [row for row in rows if row["id"] in ids]})
        return self._page(name, asked, rows)

    def _counted(self, name: str, request: Request) -> Answer:
        """How many a list has, or shows of what has changed; without erased members."""
        asked = dict(request.query)
        if strange := sorted(set(asked) - {"changed_since"}):
            raise Refused(400, "parameter", f"unknown parameter {strange[0]}")
        since = _instant(asked.get("changed_since", "0"))
        rows = self.ledger.all(name, self.clock.now())
        return Answer(200, {}, {"count": sum(row["changed_at"] >= since for row in rows)})

    def _page(self, name: str, asked: Row, rows: list[Row]) -> Answer:
        since = _instant(asked.get("changed_since", "0"))
        after = self._opened(asked["page_token"]) if "page_token" in asked else ("", "")
        rows = [row for row in rows if row["changed_at"] >= since and _place(row) > after]
        size = min(_size(asked), self.page_size or MOST_PER_PAGE)
        page, rest = rows[:size], rows[size:]
        answer: Row = {"items": page, "next_page_token": self._token(page[-1]) if rest else None}
        if name == "members":
            gone = [] if rest else self.ledger.erased(self.clock.now())
            answer["erased"] = [each for each in gone if each["erased_at"] >= since]
        return Answer(200, {}, answer)

    def _token(self, last: Row) -> str:
        until = (self.clock.now() + TOKEN_LIFE).timestamp()
        return urlsafe_b64encode(orjson.dumps([*_place(last), until])).decode()

    def _opened(self, token: str) -> tuple[str, str]:
        try:
            at, id, until = orjson.loads(urlsafe_b64decode(token))
        except (ValueError, TypeError):
            raise Refused(400, "parameter", "page_token is none of ours") from None
        if until < self.clock.now().timestamp():
            raise Refused(410, "expired", "page_token has expired: begin again")
        return at, id

    # -- changes

    def _join(self, request: Request) -> Answer:
        data, now = _object(request), self.clock.now()
        check("members", data, PATCHED["members"], creating=True)
        reference = data.get("external_ref")
        taken = [r["id"] for r in self.ledger.all("members", now) if r["external_ref"] == reference]
        if reference and taken:
            raise Refused(409, "duplicate", f"external_ref is taken by {taken[0]}")
        return Answer(
            201, {}, self._found("members", self.ledger.create("members", data, now, now))
        )

    def _change(self, name: str, id: str, request: Request) -> Answer:
        data, now = _object(request), self.clock.now()
        if name == "members" and self.ledger.is_erased(id, now):
            raise Refused(409, "frozen", f"the member {id} was erased")
        row = self._found(name, id)
        check(name, data, PATCHED[name])
        if "state" in data and row["kind"] != "claim":
            raise Invalid("state: only a claim is decided upon")
        self.ledger.update(name, id, data, now, now)
        return Answer(200, {}, self._found(name, id))

    # -- what people do ----------------------------------------------------------------------

    def mutate(self, command: Row) -> Any:
        """Besides what every sandbox understands, for members and points:

        {"do": "rotate_secret"}   webhooks are signed with a new secret; settings() has both

        Deleting a member erases it, and so does merging it into another; movements stay for good. A movement without `member_id` gets a
        member of its own, and moves that member's balance.
        """
        match command:
            case {"do": "expire_tokens"}:
                return None  # requests are signed one by one
            case {"do": "rotate_secret"}:
                newer = hashlib.sha256(self.secrets[0].encode()).hexdigest()[:24]
                self.secrets = [newer, self.secrets[0]]
                return None
            case {"do": str(verb), "stream": str(name)} if name in FIELDS:
                return self._obey(verb, name, command)
            case _:
                raise BadCommand(f"the loyalty sandbox does not understand {command!r}")

    def _obey(self, verb: str, name: str, command: Row) -> Any:
        now = self.clock.now()
        at = datetime.fromisoformat(command["at"]) if "at" in command else now
        seen = datetime.fromisoformat(command["visible_at"]) if "visible_at" in command else now
        try:
            match verb, command:
                case "list", _:
                    return [row["id"] for row in self.ledger.all(name, now)]
                case "create", {"data": dict(data)}:
                    return self.ledger.create(name, data, at, seen, str(command.get("id") or ""))
                case "update", {"id": str(id), "data": dict(data)}:
                    return self.ledger.update(name, id, data, at, seen)
                case "delete", {"id": str(id)} if name == "members":
                    return self.ledger.erase(id, at, seen)
                case "merge", {"id": str(id), "into": str(into)} if name == "members":
                    return self.ledger.merge(id, into, at, seen)
                case _:
                    pass
        except Invalid as error:
            raise BadCommand(str(error)) from error
        raise BadCommand(f"the loyalty sandbox does not understand {command!r}")

    def webhooks(self, command: Row) -> Sequence[SentHook]:
        """ "topic": `member.erased` and such, instead of `….changed`."""
        name, id = str(command.get("stream")), str(command.get("id"))
        if name not in FIELDS:
            raise BadCommand(f"no stream {name!r}: there are {', '.join(FIELDS)}")
        now = self.clock.now()
        topic = str(command.get("topic") or f"{name.removesuffix('s')}.changed")
        if name == "points":
            topic = str(command.get("topic") or "points.booked")
        if topic == "member.erased":
            data: Row = {"id": id, "erased_at": stamp(now)}
        else:
            row = self.ledger.last(name, id)
            data = row if name == "members" else {"id": row["id"], "member_id": row["member_id"]}
        self._events += 1
        event = {"id": f"evt_{self._events:08}", "type": topic, "data": data}
        return [_signed(orjson.dumps(event), now, str(command.get("secret") or self.secrets[0]))]


def _signed(body: bytes, now: datetime, secret: str) -> SentHook:
    at = str(int(now.timestamp()))
    signature = hmac.new(secret.encode(), f"{at}.".encode() + body, "sha256").hexdigest()
    headers = (
        ("Content-Type", "application/json"),
        ("X-Loyalty-Hook-Signature", f"t={at},v1={signature}"),
    )
    return SentHook(headers, body)


def _place(row: Row) -> tuple[str, str]:
    return row["changed_at"], row["id"]


def _instant(text: str) -> str:
    if not text.isdecimal():
        raise Refused(400, "parameter", "changed_since is a number of seconds")
    return stamp(datetime.fromtimestamp(int(text), UTC))


def _size(asked: Row) -> int:
    size = str(asked.get("page_size", MOST_PER_PAGE))
    if not size.isdecimal() or not 1 <= int(size) <= MOST_PER_PAGE:
        raise Refused(400, "parameter", f"page_size is 1 to {MOST_PER_PAGE}")
    return int(size)


def _object(request: Request) -> Row:
    try:
        data = request.json()
    except ValueError:
        raise Refused(400, "not_json", "the body is not JSON") from None
    if not isinstance(data, dict):
        raise Refused(400, "not_json", "the body is not an object")
    return data
