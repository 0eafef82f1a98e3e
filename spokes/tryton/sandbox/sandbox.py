"""Tryton's sandbox: JSON-RPC over one small database, as strict as trytond 7.0 is, or stricter.

Where trytond takes anything (`active: "no"`, moments as text), the sandbox refuses: a spoke that
is right here is right there.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

from hub.testing import Answer, BadCommand, Request, Sandbox
from spokes.tryton.sandbox.faults import Refused, failed, missing, unknown
from spokes.tryton.sandbox.models import MODELS, STREAMS
from spokes.tryton.sandbox.store import Row, Store

DATABASE, USER, PASSWORD = "shop", "hub", "tryton-password-1234"
ENVELOPE = {"id", "method", "params"}
READ_TAKES = 5  # domain, offset, limit, order, fields
COUNT_TAKES = 3  # domain, offset, limit

Method = Callable[[str, list[Any], Row], Any]


class TrytonSandbox(Sandbox):
    """One database with the modules party and sale."""

    name = "tryton"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.store = Store(self.clock)
        self._methods: dict[str, Method] = {
            "search_read": self._search_read,
            "search_count": self._search_count,
            "create": self._create,
            "write": self._write,
            "delete": self._delete,
        }

    def settings(self) -> dict[str, Any]:
        signed_in = {"user": USER, "password": PASSWORD}
        return {"url": self.url, "sandbox": True, "database": DATABASE, **signed_in}

    def answer(self, request: Request) -> Answer:
        if request.path == f"/{DATABASE}":
            return Answer(308, {"Location": f"{self.url}/{DATABASE}/"}, _page("Redirecting..."))
        if request.method != "POST":
            return Answer(405, {"Allow": "POST, OPTIONS"}, _page("405 Method Not Allowed"))
        if request.path != f"/{DATABASE}/":
            name = request.path.strip("/")
            return Answer(200, {}, _error(failed(f"Database '{name}.sqlite' doesn't exist!")))
        signed = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {signed}":
            return Answer(401, {"WWW-Authenticate": 'Basic realm="Tryton"'}, "")
        return self._called(request)

    def _called(self, request: Request) -> Answer:
        """What a signed call gets. A body that is no JSON-RPC makes trytond fall over."""
        try:
            asked = request.json()
        except ValueError:
            asked = None
        json_said = "json" in request.headers.get("content-type", "")
        if not json_said or not isinstance(asked, dict) or set(asked) != ENVELOPE:
            return Answer(500, {}, _page("500 Internal Server Error"))
        kind, _, rest = str(asked["method"]).partition(".")
        model, _, method = rest.rpartition(".")
        if kind == "model" and model in MODELS and method not in self._methods:
            return Answer(403, {}, _page("403 Forbidden"))
        try:
            result = self._call(kind, model, method, asked["params"])
        except Refused as why:
            return Answer(200, {}, {**_error(why), "id": asked["id"]})
        return Answer(200, {}, {"id": asked["id"], "result": result})

    def _call(self, kind: str, model: str, method: str, params: Any) -> Any:
        if kind != "model" or model not in MODELS:
            raise unknown(model)
        if not isinstance(params, list) or not params or not isinstance(params[-1], dict):
            raise failed("Missing context argument")
        return self._methods[method](model, params[:-1], params[-1])

    def _search_read(self, model: str, given: list[Any], context: Row) -> list[Row]:
        if len(given) > READ_TAKES:
            raise failed(
                "ModelStorage.search_read() takes from 2 to 6 positional arguments but "
                f"{len(given) + 1} were given"
            )
        domain, offset, limit, order, fields = [*given, *[None] * READ_TAKES][:READ_TAKES]
        archived = context.get("active_test") is False
        rows = self.store.search(model, domain or [], archived=archived)
        for name, direction in reversed(order or []):
            if direction not in ("ASC", "DESC"):
                raise unknown(direction)
            rows.sort(key=lambda row: self._place(model, row, name), reverse=direction == "DESC")
        if limit is not None and self.page_size:
            limit = min(limit, self.page_size)
        rows = rows[offset or 0 :][:limit]
        return [self._shown(model, row, fields or ["id"], archived=archived) for row in rows]

    def _search_count(self, model: str, given: list[Any], context: Row) -> int:
        domain, offset, limit = [*given, *[None] * COUNT_TAKES][:COUNT_TAKES]
        if len(given) > COUNT_TAKES:
            raise failed(
                "ModelStorage.search_count() takes from 2 to 4 positional arguments but "
                f"{len(given) + 1} were given"
            )
        archived = context.get("active_test") is False
        rows = self.store.search(model, domain or [], archived=archived)
        return len(rows[offset or 0 :][:limit])

    def _place(self, model: str, row: Row, name: str) -> Any:
        """Where a record comes in an order: typed moments sort by their parts."""
        (value,) = self.store._values(model, row, name)  # noqa: SLF001
        return tuple(value.values()) if isinstance(value, dict) else value

    def _shown(self, model: str, row: Row, fields: list[str], *, archived: bool) -> Row:
        shape = MODELS[model]
        shown: Row = {"id": int(row["id"])}
        further: dict[str, list[str]] = {}
        for field in fields:
            first, dot, rest = field.partition(".")
            if dot:
                further.setdefault(first, []).append(rest)
            else:
                shown[field] = self.store.value(model, row, field)
        for name, wanted in further.items():
            if name in shape.parts:
                part, _ = shape.parts[name]
                used = [
                    one
                    for one in self.store.parts(model, row, name)
                    if archived or one.get("active", True)
                ]
                shown[f"{name}."] = [
                    self._shown(part, one, wanted, archived=archived) for one in used
                ]
            elif name in shape.refers:
                target = self.store.row(shape.refers[name], row[name]) if row[name] else None
                shown[f"{name}."] = target and self._shown(
                    shape.refers[name], target, wanted, archived=archived
                )
            else:
                raise unknown(name)
        return shown

    def _create(self, model: str, given: list[Any], context: Row) -> list[int]:
        del context
        (made,) = given
        return [self.store.create(model, values, {}) for values in made]

    def _write(self, model: str, given: list[Any], context: Row) -> None:
        ids, values = given
        if lost := [id for id in ids if self.store.row(model, id) is None]:
            raise missing("write to", MODELS[model].title, lost)
        for id in ids:
            self.store.write(model, id, values, {}, context.get("_timestamp"))

    def _delete(self, model: str, given: list[Any], context: Row) -> None:
        del context
        (ids,) = given
        for id in ids:
            self.store.delete(model, id)

    def mutate(self, command: dict[str, Any]) -> Any:
        """Beside what every sandbox understands: `write` with model, id and data, and `purge`.

        A party is deleted by archiving it, since sales refer to it; a sale that is deleted is
        gone. `merge` is the wizard "Replace".
        """
        when: Row = {key: command[key] for key in ("at", "visible_at") if key in command}
        try:
            return self._done(command, when)
        except Refused as why:
            raise BadCommand(f"{command!r}: Tryton refuses: {why.said}") from why

    def _done(self, command: dict[str, Any], when: Row) -> Any:
        match command:
            case {"do": "expire_tokens"}:
                return None  # a user and a password do not expire
            case {"do": "write", "model": str(model), "id": str(id), "data": dict(data)}:
                return self.store.write(model, int(id), data, when)
            case {"do": verb, "stream": str(stream), **more} if stream in STREAMS:
                return self._in_stream(str(verb), stream, more, when)
            case _:
                raise BadCommand(f"nobody here understands {command!r}")

    def _in_stream(self, verb: str, stream: str, more: Row, when: Row) -> Any:
        model = STREAMS[stream]
        if verb == "list":
            return [row["id"] for row in self.store.search(model, [], archived=False)]
        if verb == "create":
            named = {"id": more["id"]} if "id" in more else {}
            return str(self.store.create(model, more["data"], when | named))
        id = str(more.get("id", ""))
        if not id.isdecimal() or (self.store.row(model, int(id)) is None and not when):
            raise BadCommand(f"{stream} has no record {id!r}")
        match verb, stream:
            case "update", _:
                self.store.write(model, int(id), more["data"], when)
            case "delete", "parties":
                self.store.write(model, int(id), {"active": False}, when)
            case "undelete", "parties":
                self.store.write(model, int(id), {"active": True}, when)
            case "delete" | "purge", _:
                self.store.delete(model, int(id))
            case "merge", "parties":
                self._replace(int(id), int(more["into"]))
            case _:
                raise BadCommand(f"there is no {verb!r} for {stream}")
        return id

    def _replace(self, id: int, by: int) -> None:
        """The wizard: what refers to a party refers to the other, and the first is archived."""
        for sale in self.store.rows(STREAMS["sales"]):
            if sale["party"] == id:
                self.store.write(STREAMS["sales"], int(sale["id"]), {"party": by}, {})
        gone = {"replaced_by": by, "active": False}
        self.store.write(STREAMS["parties"], id, gone, {})


def _error(why: Refused) -> Row:
    return {"id": 1, "error": list(why.said)}


def _page(title: str) -> str:
    return f"<!doctype html>\n<html lang=en>\n<title>{title}</title>\n<h1>{title}</h1>\n"
