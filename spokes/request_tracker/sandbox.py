"""Request Tracker's sandbox: REST 2 of version 5.0.3 as a real one answered, records in memory.

Stricter than the real one where that hides a mistake of ours: it refuses a parameter that it does
not know, where the real one does as if it were not there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from hub.testing import Answer, BadCommand, Request, Sandbox, Tables
from spokes.request_tracker import sandbox_query as asked_for

Row = dict[str, Any]

BASE, TOKEN, ACCOUNT, QUEUE = "/REST/2.0", "1-33-sandbox-token-1234", "hub", "General"
UNSET = "1970-01-01T00:00:00Z"
STATUSES = ("new", "open", "stalled", "resolved", "rejected", "deleted")
PEOPLE = (("1", "RT_System"), ("6", "Nobody"), ("14", "root"), ("33", ACCOUNT))
LIST = {"query", "fields", "orderby", "per_page", "page", "find_disabled_rows"}
SUBFIELDS = {"fields[Owner]", "fields[Requestor]", "fields[Queue]"}
PAGE, DEFAULT_PAGE, SUBJECT = 100, 20, 200
TEXTS = ("Subject", "Status", "Priority", "Due")
WRITABLE = {*TEXTS, "Queue", "Requestor", "Owner", "Content", "CustomFields"}


class RequestTrackerSandbox(Sandbox):
    """`zone` is the account's time zone, `stamped` says whether the queue has the custom field."""

    name = "request_tracker"

    def __init__(self, *, zone: str = "UTC", stamped: bool = True, **options: Any) -> None:
        super().__init__(**options)
        self._tables = Tables(self.clock, ("tickets", "users"))
        self._zone, self._stamped = zone, stamped
        self._transactions: list[tuple[Any, Row]] = []  # since when it is seen, and what it says
        self._numbers = {"tickets": 0, "users": 33}
        for id, name in PEOPLE:
            person = {"Name": name, "RealName": "", "EmailAddress": "", "Created": UNSET}
            self._tables.obey({"do": "create", "stream": "users", "id": id, "data": person})

    def settings(self) -> Row:
        return {"url": self.url, "sandbox": True, "user": ACCOUNT, "token": TOKEN}

    def answer(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"token {TOKEN}":
            return _refused(401, "Unauthorized")
        kind, _, id = request.path.removeprefix(BASE).strip("/").partition("/")
        if request.method == "GET" and not id and kind in ("tickets", "users", "transactions"):
            return self._list(kind, request)
        if request.method == "GET" and id and kind in ("ticket", "user", "queue"):
            return self._one(kind, id)
        if kind == "ticket" and request.method in ("POST", "PUT", "DELETE"):
            return self._written(request, id)
        return _refused(404, "Not Found")

    def _list(self, kind: str, request: Request) -> Answer:
        asked = dict(request.query)
        if unknown := sorted(set(asked) - LIST - SUBFIELDS):
            return _refused(400, f"unknown parameters: {', '.join(unknown)}")
        ordered = [value for key, value in request.query if key == "orderby"]
        rows = self._rows(kind)
        if kind != "users":
            try:
                wanted = asked_for.condition(asked.get("query", ""), self._zone)
            except asked_for.WrongQuery as error:
                return _refused(400, f"Wrong query, {error}")
            rows = [row for row in rows if wanted(row)]
        for name in reversed(ordered or ["id"]):
            rows.sort(key=lambda row: int(row[name]) if name == "id" else row[name])
        size = min(int(asked.get("per_page", DEFAULT_PAGE)), PAGE, self.page_size or PAGE)
        start = (int(asked.get("page", "1")) - 1) * size
        shown = rows[start : start + size]
        fields = [name for name in asked.get("fields", "").split(",") if name]
        items = [self._item(kind, row, fields, asked) for row in shown]
        total = None if kind == "transactions" else len(rows)
        return Answer(200, {}, {"items": items, "count": len(items), "total": total})

    def _rows(self, kind: str) -> list[Row]:
        """What a list has: tickets that are neither deleted nor merged into others."""
        now = self.clock.now()
        if kind == "transactions":
            return [row for seen, row in self._transactions if seen <= now]
        rows = [_times(row) for row in self._tables.rows(kind)]
        if kind == "users":
            return rows
        return [row for row in rows if not row["deleted"] and not row.get("merged")]

    def _item(self, kind: str, row: Row, fields: Sequence[str], asked: Mapping[str, str]) -> Row:
        """In a list ids are text, unless they are asked for; what is not asked for is not there."""
        item: Row = {"id": str(row["id"]), "type": kind[:-1]}
        if kind == "users" and "id" not in fields:
            item["id"] = row["Name"]
        shown = self._shown(row) if kind == "tickets" else row
        for name in fields:
            if name in ("Owner", "Requestor", "Queue"):
                more = asked.get(f"fields[{name}]", "").split(",")
                item[name] = _references(shown[name], more)
            else:
                item[name] = int(row["id"]) if name == "id" else shown.get(name, "")
        if "CustomFields" in fields:
            item["CustomFields"] = shown["CustomFields"] or ""
        return item

    def _shown(self, row: Row) -> Row:
        values = [row["HubID"]] if row.get("HubID") else []
        custom = [{"id": "3", "type": "customfield", "name": "HubID", "values": values}]
        empty = {"Subject": "", "Status": "new", "Priority": "0"}
        dates = dict.fromkeys(("Started", "Due", "Resolved"), UNSET)
        known = {name: value for name, value in row.items() if value not in (None, "")}
        return {
            **empty, **dates, **known,
            "Owner": self._person(row.get("Owner") or "6"),
            "Requestor": [self._person(id) for id in row.get("Requestor") or ()],
            "Queue": {"type": "queue", "id": "1", "_name": QUEUE},
            "CustomFields": custom if self._stamped else [],
        }  # fmt: skip

    def _person(self, id: str) -> Row:
        user = self._tables.get("users", id) or {"Name": "Nobody"}
        return {"type": "user", "id": user["Name"], "_id": int(id), "_name": user["Name"]}

    def _one(self, kind: str, id: str) -> Answer:
        if kind == "queue":
            fields = [{"id": "3", "name": "HubID"}] if self._stamped else []
            found = {"id": 1, "Name": QUEUE, "TicketCustomFields": fields}
            return Answer(200, {}, found) if id in (QUEUE, "1") else _refused(404, "Not Found")
        if kind == "user":
            return self._user(id)
        row = self._ticket(id)
        if row is None:
            return _refused(404, "Not Found")
        shown = self._shown(row)
        shown |= {name: _references(shown[name], ()) for name in ("Owner", "Requestor", "Queue")}
        shown |= {"id": int(row["id"]), "EffectiveId": {"type": "ticket", "id": row["id"]}}
        hidden = ("deleted", "changed", "merged", "HubID")
        shown = {name: value for name, value in shown.items() if name not in hidden}
        return Answer(200, {"ETag": self._etag(row["id"])}, shown)

    def _user(self, id: str) -> Answer:
        """An account may see all of itself, of others a summary."""
        rows = self._tables.rows("users")
        row = next((one for one in rows if id in (one["id"], one["Name"])), None)
        if row is None or row["deleted"]:
            return _refused(404, "Not Found")
        shown = {name: row.get(name) or None for name in ("Name", "RealName", "EmailAddress")}
        if row["Name"] == ACCOUNT:
            shown |= {"id": int(row["id"]), "Disabled": "0"}
            shown |= {"Timezone": self._zone} if self._zone else {}
        return Answer(200, {"ETag": f'"{UNSET}"'}, shown)

    def _ticket(self, id: str) -> Row | None:
        """The ticket of that number, or the one that it was merged into."""
        row = self._tables.get("tickets", id)
        while row and row.get("merged"):
            row = self._tables.get("tickets", row["merged"])
        return _times(row) | ({"Status": "deleted"} if row["deleted"] else {}) if row else None

    def _etag(self, id: str) -> str:
        now = self.clock.now()
        seen = [
            row["id"] for when, row in self._transactions if when <= now and row["ObjectId"] == id
        ]
        return f'"{max(seen, default=0)}"'

    # -- writing

    def _written(self, request: Request, id: str) -> Answer:
        if request.method == "DELETE":
            return self._delete(id)
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return _refused(415, "Unsupported Media Type")
        try:
            data = request.json()
        except ValueError as error:
            return _refused(400, f"JSON parse error: {error}")
        if not isinstance(data, dict):
            return _refused(400, "JSON object must be a HASH")
        if unknown := sorted(set(data) - WRITABLE):
            return _refused(400, f"unknown fields: {', '.join(unknown)}")  # they would drop them
        return self._create(data) if request.method == "POST" else self._update(request, id, data)

    def _create(self, data: Row) -> Answer:
        if not data.get("Queue"):
            return _refused(400, "Could not create ticket. Queue not set")
        if data["Queue"] != QUEUE:
            return _refused(403, f"No permission to create tickets in the queue '{data['Queue']}'")
        if data.get("Status", "new") not in STATUSES:
            return _refused(400, f"Status '{data['Status']}' isn't a valid status for tickets in this queue.")  # fmt: skip
        id = self._new("tickets", self._kept(data), {})
        return Answer(201, {"Location": f"{BASE}/ticket/{id}"}, {"id": id, "type": "ticket"})

    def _update(self, request: Request, id: str, data: Row) -> Answer:
        row = self._ticket(id)
        if row is None:
            return _refused(404, "Resource does not exist; use POST to create")
        if request.headers.get("if-match", self._etag(row["id"])) != self._etag(row["id"]):
            return _refused(412, "Precondition Failed")
        if row["deleted"]:
            return _refused(500, "Internal Server Error")
        told = []
        if data.get("Status", "new") not in STATUSES:
            status = data.pop("Status")  # and the rest is done, with a 200
            told.append(f"Ticket {id}: Status '{status}' isn't a valid status for this ticket.")
        kept = {key: value for key, value in self._kept(data).items() if row.get(key) != value}
        told += [f"Ticket {id}: {key} changed from '{row.get(key, '')}' to '{value}'"
                 for key, value in kept.items()]  # fmt: skip
        if kept:
            self._change(row["id"], kept, {})
        return Answer(200, {}, told)

    def _kept(self, data: Row) -> Row:
        """What they keep of what they are sent: null is nothing, and a subject is one line."""
        kept: Row = {name: str(data[name]) for name in TEXTS if data.get(name) is not None}
        if "Due" in kept:  # in ISO 8601 it is kept, and reads as 1970 from then on
            plain = re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", kept["Due"])
            kept["Due"] = f"{kept['Due'].replace(' ', 'T')}Z" if plain else UNSET
        if "Subject" in kept:
            kept["Subject"] = kept["Subject"].replace("\n", "").replace("\r", "")[:SUBJECT]
        if self._stamped and (stamp := (data.get("CustomFields") or {}).get("HubID")):
            kept["HubID"] = stamp
        if data.get("Requestor") is not None:
            said = data["Requestor"] if isinstance(data["Requestor"], list) else [data["Requestor"]]
            kept["Requestor"] = [self._requestor(str(one)) for one in said if one]
        return kept

    def _requestor(self, said: str) -> str:
        """An id, a name, or an address, which makes a user."""
        for row in self._tables.rows("users"):
            if said in (row["id"], row["Name"], row.get("EmailAddress")):
                return str(row["id"])
        return self._new("users", {"Name": said, "EmailAddress": said}, {})

    def _delete(self, id: str) -> Answer:
        row = self._ticket(id)
        if row is None:
            return _refused(404, "Not Found")
        if row["deleted"]:
            return _refused(500, "Internal Server Error")
        self._told("delete", row["id"], {})
        return Answer(204)

    def mutate(self, command: Row) -> Any:
        match command:
            case {"do": "expire_tokens"}:
                return None  # they never do
            case {"do": "list", "stream": "tickets"}:
                return [row["id"] for row in self._rows("tickets")]
            case {"do": "create", "stream": str(stream), "data": dict(data)}:
                return self._new(stream, self._kept(data) if stream == "tickets" else data, command)
            case {"stream": "tickets", "id": str(id)}:
                return self._worked_on(id, command)
            case _:
                return self._tables.obey(command)

    def _worked_on(self, id: str, command: Row) -> Any:
        match command:
            case {"do": "update", "data": dict(data)}:
                return self._change(id, self._kept(data), command)
            case {"do": "delete" | "undelete" as verb}:
                return self._told(verb, id, command)
            case {"do": "merge", "into": str(into)}:
                return self._merge(id, into, command)
            case _:
                raise BadCommand(f"nobody here understands {command!r}")

    def _new(self, stream: str, data: Row, command: Row) -> str:
        if stream not in self._numbers:
            raise BadCommand(
                f"there is no stream {stream!r}; there are: {', '.join(self._numbers)}"
            )
        self._numbers[stream] += 1
        id = str(command.get("id") or self._numbers[stream])
        made = data | {"Created": _second(command.get("at") or self.clock.now().isoformat())}
        said = {"do": "create", "stream": stream, "id": id, "data": made}
        return self._done(command, said, "Create")

    def _change(self, id: str, data: Row, command: Row) -> str:
        said = {"do": "update", "stream": "tickets", "id": id, "data": data}
        return self._done(command, said, "Set", "Subject")

    def _told(self, verb: str, id: str, command: Row) -> str:
        said = {"do": verb, "stream": "tickets", "id": id}
        status = "deleted" if verb == "delete" else "open"
        return self._done(command, said, "Status", "Status", status)

    def _merge(self, id: str, into: str, command: Row) -> str:
        other = f"fsck.com-rt://example/ticket/{into}"
        for one, data in ((id, {"merged": into}), (into, {})):
            said = {"do": "update", "stream": "tickets", "id": one, "data": data}
            self._done(command, said, "AddLink", "MergedInto", other)
        return into

    def _done(self, command: Row, said: Row, type: str, field: str = "", value: str = "") -> str:
        """Do it, and keep the transaction that tells of it."""
        id = str(self._tables.obey({**command, **said}))
        if said["stream"] == "tickets":
            when, seen = (self.clock.now().isoformat() for _ in range(2))
            when, seen = command.get("at", when), command.get("visible_at", seen)
            row = {"id": len(self._transactions) + 1, "ObjectType": "RT::Ticket", "ObjectId": id}
            row |= {"Type": type, "Field": field, "NewValue": value, "Created": _second(when)}
            self._transactions.append((asked_for.moment(seen), row))
        return id


def _times(row: Row) -> Row:
    return row | {"LastUpdated": _second(row["changed"])}


def _second(iso: str) -> str:
    return asked_for.moment(iso).strftime("%Y-%m-%dT%H:%M:%SZ")


def _references(said: Any, more: Sequence[str]) -> Any:
    """One or several: by name, unless the id is asked for, which is a number then."""
    if isinstance(said, list):
        return [_references(one, more) for one in said]
    shown = {name: value for name, value in said.items() if name[0] != "_"}
    if "id" in more:
        shown["id"] = said["_id"]
    return shown | ({"Name": said["_name"]} if "Name" in more else {})


def _refused(status: int, why: str) -> Answer:
    return Answer(status, {"Content-Type": "application/json"}, orjson.dumps({"message": why}))
