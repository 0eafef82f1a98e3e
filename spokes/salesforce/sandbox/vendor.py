"""The sandbox itself: the door with sign-in and quota, and the commands of its control path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from hub.testing import Answer, BadCommand, Request, Sandbox, part
from spokes.salesforce.ids import id18
from spokes.salesforce.sandbox import files, oauth, records, rest, retail, trees
from spokes.salesforce.sandbox.oauth import CLIENT_ID, CLIENT_SECRET, USERNAME, Sessions
from spokes.salesforce.sandbox.refusal import Refused
from spokes.salesforce.sandbox.tables import Row, Table, Tables

JsonObject = dict[str, Any]
_LONGEST_TARGET = 16_384
_DATA = "/services/data"


class SalesforceSandbox(Sandbox):
    """One org. Without a seed it holds a retail chain's stores, contacts and cases.

    `count` replaces the cases by that many synthetic ones, for measuring. `seed` is a folder of
    sObject Tree files (`trees`).
    """

    name: ClassVar[str] = "salesforce"
    tls: ClassVar[bool] = True  # simple-salesforce makes https of every address

    def __init__(self, *, seed: Path | None = None, count: int | None = None) -> None:
        super().__init__(seed=seed)
        self.tables = Tables()
        self.sessions = Sessions()
        self.used, self.allowed = 0, 100_000
        self._rest = rest.Rest(self.tables, lambda: (self.used, self.allowed), partial(part, self))
        now = self.clock.now()
        if seed is not None:
            self.notes = trees.load(seed, self.tables, now)
        else:
            retail.fill(self.tables, now, cases=count)

    def settings(self) -> JsonObject:
        """A connection by client credentials; see `jwt_settings` for the other way."""
        return self._reached() | {"client_secret": CLIENT_SECRET}

    def jwt_settings(self) -> JsonObject:
        """A connection by JWT bearer, with the private key of the pretended app."""
        pem = self.sessions.key.as_pem(private=True).decode()
        return self._reached() | {"username": USERNAME, "private_key": pem}

    def _reached(self) -> JsonObject:
        where = {"url": self.url, "sandbox": True, "client_id": CLIENT_ID}
        return where | ({"ca_file": str(self.ca_file)} if self.ca_file else {})

    def answer(self, request: Request) -> Answer:
        now = self.clock.now()
        self.tables.settle(now)
        if len(request.target) > _LONGEST_TARGET:
            return Answer(414, {"Content-Type": "text/html"}, "<h1>URI Too Long</h1>")
        if request.path == oauth.PATH:
            return self.sessions.answer(request, self.url, now)
        if request.path.rstrip("/") == _DATA and request.method == "GET":
            return rest.versions()
        try:
            return self._answer(request, now)
        except Refused as refused:
            return refused.answer()

    def _answer(self, request: Request, now: datetime) -> Answer:
        if not self.sessions.allows(request.headers.get("authorization", ""), now):
            raise Refused(401, "INVALID_SESSION_ID", "Session expired or invalid")
        if not request.path.startswith(f"{_DATA}/"):
            raise Refused(404, "NOT_FOUND", "The requested resource does not exist")
        if self.used >= self.allowed:
            raise Refused(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        self.used += 1
        usage = {"Sforce-Limit-Info": f"api-usage={self.used}/{self.allowed}"}
        try:
            self._rest.page_size = self.page_size or 2000
            answer = self._rest.answer(request, now)
        except Refused as refused:
            answer = refused.answer()
        return Answer(answer.status, {**answer.headers, **usage}, answer.body)

    def mutate(self, command: JsonObject) -> Any:
        """The commands of every sandbox (`Sandbox.mutate`), unchecked by validation rules, and:

        {"do": "undelete", "stream": S, "id": I}             take it out of the recycle bin
        {"do": "purge",    "stream": S, "id": I}             empty it out of the recycle bin
        {"do": "merge",    "stream": S, "id": I, "into": J}  I is deleted, its MasterRecordId is J
        {"do": "many",     "stream": S, "count": N, "data": {...}}   N alike in one second → ids
        {"do": "hide",     "stream": S, "field": F}          field-level security takes F away
        {"do": "show",     "stream": S, "field": F}          ... and gives it back
        {"do": "expire_locators"}                            every nextRecordsUrl so far is void
        {"do": "quota", "used": N, "allowed": M}             the rolling 24-hour allocation
        {"do": "refuse_logins", "error": "invalid_grant"}    the token endpoint; "" allows again
        """
        commands: Mapping[str, Callable[[JsonObject], Any]] = {
            "create": self._create,
            "update": self._update,
            "delete": self._delete,
            "list": self._list,
            "undelete": self._undelete,
            "purge": self._purge,
            "merge": self._merge,
            "many": self._many,
            "hide": self._hide,
            "show": self._show,
            "expire_tokens": lambda _: self.sessions.expire(),
            "expire_locators": lambda _: self._rest.cursors.clear(),
            "quota": self._quota,
            "refuse_logins": self._refuse_logins,
        }
        do = command.get("do")
        if do not in commands:
            raise BadCommand(f"no command {do!r}; there are {', '.join(commands)}")
        self.tables.settle(self.clock.now())
        try:
            return commands[str(do)](command)
        except Refused as refused:
            raise BadCommand(str(refused)) from refused

    def _create(self, command: JsonObject) -> str:
        table = self._table(command)
        data = self._data(table, command)
        content = files.of_base64(data.pop("VersionData", ""))
        row = records.new_row(table, data, self._at(command))
        if "id" in command:
            row["Id"] = id18(str(command["id"]))
        if table.sobject.name == files.OBJECT:
            self._rest.contents[row["Id"]] = content
            row |= files.facts(row, content)
        return self._store(table, row, command)

    def _update(self, command: JsonObject) -> str:
        table = self._table(command)
        old = records.find(table, str(command.get("id")))
        row = records.changed_row(old, self._data(table, command), self._at(command))
        return self._store(table, row, command)

    def _delete(self, command: JsonObject) -> str:
        table, at = self._table(command), self._at(command)
        if "visible_at" not in command:
            return str(records.delete(table, str(command.get("id")), at)["Id"])
        row = records.deleted_row(records.find(table, str(command.get("id"))), at)
        return self._store(table, row, command)

    def _undelete(self, command: JsonObject) -> str:
        row = records.undelete(self._table(command), str(command.get("id")), self._at(command))
        return str(row["Id"])

    def _purge(self, command: JsonObject) -> str:
        table, gone = self._table(command), id18(str(command.get("id")))
        if gone not in table.rows or not table.rows[gone]["IsDeleted"]:
            raise BadCommand(f"{gone} is not in the recycle bin: delete it first")
        table.purge(gone)
        return gone

    def _merge(self, command: JsonObject) -> str:
        loser, winner = str(command.get("id")), str(command.get("into"))
        return str(records.merge(self._table(command), loser, winner, self._at(command))["Id"])

    def _many(self, command: JsonObject) -> list[str]:
        table, at = self._table(command), self._at(command)
        data = self._data(table, command)
        rows = [records.new_row(table, data, at) for _ in range(int(command.get("count", 0)))]
        table.put_all(rows)
        return [row["Id"] for row in rows]

    def _list(self, command: JsonObject) -> list[str]:
        return [r["Id"] for r in self._table(command).rows.values() if not r["IsDeleted"]]

    def _hide(self, command: JsonObject) -> None:
        self.tables.hidden.add(self._field(command))

    def _show(self, command: JsonObject) -> None:
        self.tables.hidden.discard(self._field(command))

    def _quota(self, command: JsonObject) -> None:
        self.used = int(command.get("used", self.used))
        self.allowed = int(command.get("allowed", self.allowed))

    def _refuse_logins(self, command: JsonObject) -> None:
        self.sessions.refused = str(command.get("error", "invalid_grant"))

    def _store(self, table: Table, row: Row, command: JsonObject) -> str:
        if "visible_at" in command:
            self.tables.put_late(table, row, _moment(command["visible_at"]))
        else:
            table.put(row)
        return str(row["Id"])

    def _at(self, command: JsonObject) -> datetime:
        return _moment(command["at"]) if "at" in command else self.clock.now()

    def _table(self, command: JsonObject) -> Table:
        name = str(command.get("stream"))
        if name not in self.tables:
            known = ", ".join(table.sobject.name for table in self.tables)
            raise BadCommand(f"no stream {name!r}; there are {known}")
        return self.tables[name]

    def _field(self, command: JsonObject) -> tuple[str, str]:
        table, field = self._table(command), str(command.get("field"))
        if field not in table.sobject.fields:
            raise BadCommand(f"{table.sobject.name} has no field {field!r}")
        return table.sobject.name, field

    def _data(self, table: Table, command: JsonObject) -> JsonObject:
        data = command.get("data") or {}
        if unknown := sorted(set(data) - set(table.sobject.fields)):
            raise BadCommand(f"{table.sobject.name} has no {', '.join(unknown)}")
        return dict(data)


def _moment(text: object) -> datetime:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise BadCommand(f"{text!r} is not an ISO time such as 2026-11-21T10:00:00Z") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)
