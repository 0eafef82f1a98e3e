"""The sandbox itself: the door with sign-in and limits, and the commands of its control path."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

from hub.testing import Answer, BadCommand, Request, Sandbox, part
from hub.testing.sender import FORGERIES, SentHook
from spokes.dynamics365.sandbox import aad, batch, dispatch, hooks, retail, rules, values
from spokes.dynamics365.sandbox.api import Api
from spokes.dynamics365.sandbox.keys import ACTIVE, PENDING
from spokes.dynamics365.sandbox.limits import Limits
from spokes.dynamics365.sandbox.prefer import MOST
from spokes.dynamics365.sandbox.refusal import PAYLOAD, Refused
from spokes.dynamics365.sandbox.rows import Row, Rows, Table
from spokes.dynamics365.sandbox.schema import HUB_ID
from spokes.dynamics365.sandbox.tracking import Retention

JsonObject = dict[str, Any]
HOOK_SECRET = "sandbox-hook-secret"
_SIGN_IN = {"WWW-Authenticate": 'Bearer authorization_uri="https://login.microsoftonline.com/"'}


class Dynamics365Sandbox(Sandbox):
    """One environment with Field Service: a retail chain's stores, cases, work orders, bookings."""

    name: ClassVar[str] = "dynamics365"

    def __init__(self, *, seed: Path | None = None) -> None:
        super().__init__(seed=seed)
        if seed is not None:
            raise ValueError(f"{seed}: this sandbox takes no seed, it builds its own records")
        self.rows = Rows()
        self.tokens, self.limits, self.retention = aad.Tokens(), Limits(), Retention()
        self.jobs: list[hooks.Job] = []
        self._api = Api(self.rows, self.retention)
        self._events = count(1)
        for table in self.rows:
            table.keys |= {HUB_ID: ACTIVE} if HUB_ID in table.schema.columns else {}
        retail.fill(self.rows, self.clock.now())

    def settings(self) -> JsonObject:
        prices, types = (self.rows.of_name(n) for n in ("pricelevel", "msdyn_workordertype"))
        return {
            "url": self.url,
            "sandbox": True,
            "tenant": aad.TENANT,
            "client_id": aad.CLIENT_ID,
            "client_secret": aad.CLIENT_SECRET,
            "hook_secret": HOOK_SECRET,
            "price_list": retail.first_id(prices),
            "work_order_type": retail.first_id(types),
        }

    def answer(self, request: Request) -> Answer:
        now = self.clock.now()
        self.rows.settle(now)
        if request.path.endswith(aad.PATH):
            return self.tokens.answer(request, self.url, now)
        if not self.tokens.allows(request.headers.get("authorization", ""), now):
            return Answer(401, _SIGN_IN)
        try:
            left = self.limits.admit(now)
        except Refused as refused:
            return refused.answer()
        answer = self._said(request, now)
        return Answer(answer.status, {**answer.headers, **left}, answer.body)

    def _said(self, request: Request, now: datetime) -> Answer:
        """The answer to a request that comes alone, or is a batch, or in one."""

        def ask(inner: Request) -> Answer:
            return part(self, inner, lambda one: self._said(one, now))

        try:
            if batch.is_meant(request):
                return batch.answer(request, self.url, ask)
            return self._api.answer(request, self.url, self.page_size or MOST, now)
        except Refused as refused:
            return refused.answer()
        except ValueError:
            return Refused(400, PAYLOAD, "Invalid JSON. A token was not recognized.").answer()

    def webhooks(self, command: JsonObject) -> Sequence[SentHook]:
        """As `Sandbox.webhooks` says; "message" is the event's name, Update unless it says so."""
        table, id = self._table(command), str(command.get("id"))
        message = str(command.get("message", "Update"))
        secret = str(command.get("secret", HOOK_SECRET))
        return [
            hooks.hook(
                table, id, message, secret=secret, at=self.clock.now(), number=next(self._events)
            )
        ]

    def emit(self, command: JsonObject) -> Any:
        """As `Sandbox.emit` says, and a second try after 502, 503 and 504.

        What then failed is a failed system job: see {"do": "jobs"}.
        """
        to, forge = str(command.get("to") or self.hooks_to), command.get("forge")
        if not to:
            raise BadCommand('no service endpoint: say "to": "http://127.0.0.1:.../hooks/..."')
        if forge not in {None, *FORGERIES}:
            raise BadCommand(f"forge is one of {', '.join(FORGERIES)}, not {forge!r}")
        with self.lock:
            foreign = {"secret": "not the secret"} if forge == "secret" else {}
            told = list(self.webhooks({**command, **foreign})) * (2 if command.get("twice") else 1)
        done = hooks.send(to, told[::-1] if command.get("reverse") else told, forge=forge)
        self.jobs += done
        return [status for job in done for status in job.statuses]

    def mutate(self, command: JsonObject) -> Any:
        """The commands of every sandbox (`Sandbox.mutate`), unchecked by server logic, and:

        {"do": "book", "order": W, "resource": R, "start": T, "minutes": N}   → the booking's id
        {"do": "progress", "booking": B, "status": "Traveling"}   a technician taps the next status
        {"do": "file", "id": N, "name": F, "content": B}   a note gets a file, its content in base64
        {"do": "resources"}                              → the ids of people who can be booked
        {"do": "post", "order": W}                       the office closes a work order
        {"do": "key", "stream": S, "state": "Pending"}   the index of the alternate key; "" drops it
        {"do": "track", "stream": S, "on": false}        change tracking of a table
        {"do": "grant", "stream": S, "on": false}        our user's privilege to read it
        {"do": "expire_cursors"}                         every delta link so far is void
        {"do": "limits", "requests": N, "milliseconds": M, "concurrent": K, "cost": C, "others": O}
        {"do": "aggregate", "most": N}                   rows that an aggregation counts, 50,000
        {"do": "jobs"}                                   → the system jobs of webhooks
        """
        commands: Mapping[str, Callable[[JsonObject], Any]] = {
            "create": self._create,
            "update": self._update,
            "delete": self._delete,
            "list": lambda told: list(self._table(told).rows),
            "book": self._book,
            "progress": self._progress,
            "file": self._file,
            "resources": self._resources,
            "post": self._post,
            "key": self._key,
            "track": self._track,
            "grant": self._grant,
            "expire_tokens": lambda _: self.tokens.expire(),
            "expire_cursors": self._expire_cursors,
            "limits": self._limits,
            "aggregate": lambda told: setattr(self._api, "most_aggregated", int(told["most"])),
            "jobs": lambda _: [{"name": j.name, "statuscode": j.statuscode} for j in self.jobs],
        }
        do = command.get("do")
        if do not in commands:
            raise BadCommand(f"no command {do!r}; there are {', '.join(commands)}")
        self.rows.settle(self.clock.now())
        try:
            return commands[str(do)](command)
        except Refused as refused:
            raise BadCommand(str(refused)) from refused

    def _create(self, command: JsonObject) -> str:
        table = self._table(command)
        row = rules.filled(self.rows, table, self._data(table, command))
        row[table.schema.id] = str(command.get("id") or self.rows.new_id()).lower()
        return self._put(table, row, command)

    def _update(self, command: JsonObject) -> str:
        table = self._table(command)
        old = table.get(str(command.get("id")))
        row = rules.changed(table, old, self._data(table, command), self._at(command))
        return self._put(table, row, command)

    def _delete(self, command: JsonObject) -> str:
        id = str(command.get("id")).lower()
        self.rows.delete(self._table(command), id, _moment(command, "visible_at"))
        return id

    def _book(self, command: JsonObject) -> str:
        now = self.clock.now()
        start = _moment(command, "start") or now + timedelta(hours=1)
        length = timedelta(minutes=int(command.get("minutes", 60)))
        order, resource = str(command.get("order")), str(command.get("resource"))
        booking = dispatch.book(self.rows, order, resource, start, length, now)
        return str(booking["bookableresourcebookingid"])

    def _progress(self, command: JsonObject) -> str:
        booking, status = str(command.get("booking")), str(command.get("status"))
        done = dispatch.progress(self.rows, booking, status, self.clock.now())
        return str(done["bookableresourcebookingid"])

    def _file(self, command: JsonObject) -> str:
        id, name = str(command.get("id")).lower(), str(command.get("name"))
        content, kind = b64decode(str(command.get("content", ""))), str(command.get("type", ""))
        self._api.contents.give(id, content, name, kind, self.clock.now())
        return id

    def _resources(self, _: JsonObject) -> list[str]:
        rows = self.rows.of_name("bookableresource").rows
        return [id for id, row in rows.items() if row["resourcetype"] in {2, 3}]

    def _post(self, command: JsonObject) -> str:
        table = self.rows.of_name("msdyn_workorder")
        old, now = table.get(str(command.get("order"))), self.clock.now()
        posted = rules.changed(table, old, {"msdyn_systemstatus": rules.POSTED}, now)
        return str(self.rows.put(table, posted, now)["msdyn_workorderid"])

    def _key(self, command: JsonObject) -> None:
        table, state = self._table(command), command.get("state")
        if state not in {ACTIVE, PENDING, ""}:
            raise BadCommand(f"the state of a key is {ACTIVE}, {PENDING} or '', not {state!r}")
        table.keys = {HUB_ID: str(state)} if state else {}

    def _track(self, command: JsonObject) -> None:
        self._table(command).tracked = bool(command.get("on"))

    def _grant(self, command: JsonObject) -> None:
        self._table(command).readable = bool(command.get("on"))

    def _expire_cursors(self, _: JsonObject) -> None:
        self.rows.commit += 1
        self.retention.oldest = self.rows.commit

    def _limits(self, command: JsonObject) -> None:
        for name in ("requests", "milliseconds", "concurrent", "cost", "others"):
            setattr(self.limits, name, int(command.get(name, getattr(self.limits, name))))

    def _put(self, table: Table, row: Row, command: JsonObject) -> str:
        shown = _moment(command, "visible_at")
        return str(self.rows.put(table, row, self._at(command), shown)[table.schema.id])

    def _at(self, command: JsonObject) -> datetime:
        return _moment(command, "at") or self.clock.now()

    def _table(self, command: JsonObject) -> Table:
        table = self.rows.of_set(str(command.get("stream")))
        if table is None:
            known = ", ".join(table.schema.set for table in self.rows)
            raise BadCommand(f"no stream {command.get('stream')!r}; there are {known}")
        return table

    def _data(self, table: Table, command: JsonObject) -> Row:
        return values.read(self.rows, table, command.get("data") or {}, self.url)


def _moment(command: JsonObject, name: str) -> datetime | None:
    if name not in command:
        return None
    try:
        at = datetime.fromisoformat(str(command[name]))
    except ValueError as error:
        said = f"{name}: {command[name]!r} is not an ISO time such as 2026-11-21T10:00:00Z"
        raise BadCommand(said) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)
