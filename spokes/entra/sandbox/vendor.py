"""The sandbox itself: the door, the routes, and the commands of its control path."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

from hub.testing import Answer, BadCommand, Request, Sandbox, SentHook
from spokes.entra.sandbox import aad, asking, outbox, pairs, staff, subscribing, tracking
from spokes.entra.sandbox.directory import Commit, Directory, known, title
from spokes.entra.sandbox.outbox import Outbox
from spokes.entra.sandbox.reading import Reader
from spokes.entra.sandbox.refusal import BAD, DENIED, THROTTLED, Refused
from spokes.entra.sandbox.schema import KINDS, Kind
from spokes.entra.sandbox.subscribing import Subscription, Subscriptions
from spokes.entra.sandbox.tracking import Habits

CLIENT_STATE = "sandbox-client-state"
PER_DELTA_PAGE = 100
_WINDOW = timedelta(seconds=10)
_WAIT = 5  # seconds
_EVENTS = ("reauthorizationRequired", "subscriptionRemoved", "missed")

JsonObject = dict[str, Any]


class EntraSandbox(Sandbox):
    """One tenant of Entra ID behind Microsoft Graph: the staff of an invented retailer."""

    name: ClassVar[str] = "entra"

    def __init__(self, *, seed: Path | None = None) -> None:
        super().__init__(seed=seed)
        self.door = aad.Door()
        self.directory = Directory(self.clock.now, self._noted)
        self.habits, self.lag = Habits(), timedelta(0)
        self.subscriptions, self.outbox = Subscriptions(), Outbox(self.clock.now)
        self.calls = 5_000
        """Requests that it answers in ten seconds."""
        self._asked: deque[datetime] = deque()
        self._later: list[tuple[datetime, JsonObject]] = []
        self._news: list[Commit] = []
        self._numbers = count(1)
        if seed is None:
            staff.hire(self.directory, self.clock.now())
        else:
            staff.load(self.directory, seed, self.clock.now())
        self._news.clear()

    def settings(self) -> JsonObject:
        return {
            "url": self.url,
            "sandbox": True,
            "tenant": aad.TENANT,
            "client_id": aad.CLIENT_ID,
            "client_secret": aad.CLIENT_SECRET,
            "client_state": CLIENT_STATE,
        }

    # -- the API

    def answer(self, request: Request) -> Answer:
        now = self.clock.now()
        self._settle(now)
        if request.path.endswith("/oauth2/v2.0/token"):
            return self.door.answer(request, self.url, now)
        id = self._guid()
        try:
            self._throttle(now)
            self.door.check(request.headers.get("authorization", ""), now)
            answer = self._routed(request, now)
        except Refused as refused:
            answer = refused.answer(id, now)
        except ValueError:
            said = "Unable to read JSON request payload."
            answer = Refused(400, BAD, said).answer(id, now)
        return Answer(answer.status, {**answer.headers, "request-id": id}, answer.body)

    def _routed(self, request: Request, now: datetime) -> Answer:
        version, _, path = request.path.strip("/").partition("/")
        if version != "v1.0":
            raise Refused(400, BAD, f"Invalid version: {version[:20]}.")
        match path.split("/"):
            case ["subscriptions", *rest]:
                return self._subscribing(request, rest, now)
            case [name, *rest] if name in KINDS:
                self.door.need(name)
                if request.method != "GET":
                    said = "Insufficient privileges to complete the operation."
                    raise Refused(403, DENIED, said)
                return self._read(KINDS[name], rest, request, now)
            case [name, *_]:
                raise Refused(400, BAD, f"Resource not found for the segment '{name[:40]}'.")
            case _:
                raise Refused(400, BAD, "Resource not found.")

    def _read(self, kind: Kind, rest: list[str], request: Request, now: datetime) -> Answer:
        reader = Reader(self.directory, self.url, now - self.lag, self.page_size)
        match rest:
            case []:
                return reader.objects(kind, request)
            case ["delta"]:
                asked = asking.options(request, tracking.OPTIONS)
                size = self.page_size or PER_DELTA_PAGE
                return tracking.answer(
                    self.directory, kind, asked, self.habits, url=self.url, size=size, now=now
                )
            case ["$count"]:
                return reader.counted(kind, request)
            case [id]:
                return reader.object(kind, id, request)
            case [id, "members"] if kind.name == "groups":
                return reader.members(kind, id, request)
            case _:
                raise Refused(400, BAD, f"Resource not found for the segment '{rest[-1][:40]}'.")

    def _subscribing(self, request: Request, rest: list[str], now: datetime) -> Answer:
        if request.method == "POST" and not rest:
            wanted = str(request.json().get("resource")).strip("/").lower()
            self.door.need(wanted if wanted in KINDS else "users")
        return subscribing.answer(
            self.subscriptions, request, rest, url=self.url, size=self.page_size or 100,
            new_id=self._guid(), now=now,
        )  # fmt: skip

    def _throttle(self, now: datetime) -> None:
        while self._asked and now - self._asked[0] >= _WINDOW:
            self._asked.popleft()
        if len(self._asked) >= self.calls:
            said = "Too many requests."
            raise Refused(429, THROTTLED, said, {"Retry-After": str(_WAIT)})
        self._asked.append(now)

    # -- what people do

    def mutate(self, command: JsonObject) -> Any:
        """The commands of every sandbox (`Sandbox.mutate`; `delete` puts into the bin), and:

        {"do": "create", "stream": "memberships", "data": {"group": G, "user": U}}   each is an id,
                          or the properties of a new one; "delete", "undelete" and "list" as well
        {"do": "purge", "id": I}                  out of the bin for good: `@removed` says deleted
        {"do": "undelete", "stream": S, "id": I}  out of the bin, back into its groups
        {"do": "join", "group": G, "member": I}   and "leave"; → the group's id
        {"do": "several", "commands": [...]}      at once: their notifications come in one POST
        {"do": "expire_cursors", "status": 410}   every link so far is void; 400 is the other way
        {"do": "habits", "empty": false, "repeat": ..., "partial": ..., "shuffle": ..., "lag": S}
                          what deltas do on purpose; lists are behind by so many seconds
        {"do": "revoke", "role": "Group.Read.All"}   and "grant": an administrator's consent
        {"do": "limit", "calls": N}               requests in ten seconds before it answers 429
        {"do": "lifecycle", "event": E, "subscription": I}   tell of reauthorizationRequired (it
                          says nothing after an hour), subscriptionRemoved or missed
        {"do": "forget_subscriptions"}            all of them are lost, and nobody is told
        {"do": "subscriptions"}                   → what they are
        """
        self._settle(self.clock.now())
        try:
            done = self._obey(command)
        except Refused as refused:
            raise BadCommand(str(refused)) from refused
        self._tell()
        return done

    def _obey(self, command: JsonObject) -> Any:
        commands: Mapping[str, Callable[[JsonObject], Any]] = {
            "create": self._create,
            "update": self._update,
            "delete": self._delete,
            "list": self._list,
            "purge": lambda told: self.directory.purge(str(told.get("id")), at=self._at(told)),
            "undelete": self._undelete,
            "join": self._join,
            "leave": self._leave,
            "several": lambda told: [self._obey(one) for one in told["commands"]],
            "expire_tokens": lambda _: self.door.expire(),
            "expire_cursors": self._expire_cursors,
            "habits": self._behave,
            "revoke": lambda told: self.door.roles.discard(_role(told)),
            "grant": lambda told: self.door.roles.add(_role(told)),
            "limit": self._limit,
            "lifecycle": self._lifecycle,
            "forget_subscriptions": lambda _: self.subscriptions.held.clear(),
            "subscriptions": lambda _: [o.shown() for o in self.subscriptions.held.values()],
        }
        do = command.get("do")
        if do not in commands:
            raise BadCommand(f"no command {do!r}; there are {', '.join(commands)}")
        if "visible_at" in command:
            return self._postpone(dict(command))
        return commands[str(do)](command)

    def _list(self, command: JsonObject) -> list[str]:
        if command.get("stream") == pairs.STREAM:
            return list(pairs.listed(self.directory))
        return [one.id for one in self.directory.live(known(str(command.get("stream"))))]

    def _create(self, command: JsonObject) -> str:
        if command.get("stream") == pairs.STREAM:
            id = str(command.get("id") or pairs.new_id(self.directory))
            return pairs.create(self.directory, _data(command), id, self._at(command))
        id = str(command.get("id") or self.directory.new_id())
        kind = known(str(command.get("stream")))
        return self.directory.create(kind, _data(command), id=id, at=self._at(command))

    def _update(self, command: JsonObject) -> str:
        state = self._named(command)
        return self.directory.update(state, _data(command), at=self._at(command))

    def _delete(self, command: JsonObject) -> str:
        if command.get("stream") == pairs.STREAM:
            return pairs.end(self.directory, command.get("id"), self._at(command))
        return self.directory.remove(self._named(command), at=self._at(command))

    def _undelete(self, command: JsonObject) -> str:
        if command.get("stream") == pairs.STREAM:
            return pairs.again(self.directory, command.get("id"), self._at(command))
        return self.directory.restore(str(command.get("id")), at=self._at(command))

    def _join(self, command: JsonObject) -> str:
        group = self.directory.find("groups", command.get("group"))
        return self.directory.join(group, str(command.get("member")), at=self._at(command))

    def _leave(self, command: JsonObject) -> str:
        group = self.directory.find("groups", command.get("group"))
        return self.directory.leave(group, str(command.get("member")), at=self._at(command))

    def _named(self, command: JsonObject) -> Commit:
        return self.directory.find(str(command.get("stream")), command.get("id"))

    def _at(self, command: JsonObject) -> datetime:
        return datetime.fromisoformat(command["at"]) if "at" in command else self.clock.now()

    def _expire_cursors(self, command: JsonObject) -> None:
        self.habits.void, self.habits.status = self.clock.now(), int(command.get("status", 410))

    def _behave(self, command: JsonObject) -> None:
        for name, value in command.items():
            if name == "lag":
                self.lag = timedelta(seconds=value)
            elif name in {"empty", "repeat", "partial", "shuffle"}:
                setattr(self.habits, name, bool(value))
            elif name != "do":
                raise BadCommand(f"no habit {name!r}: empty, repeat, partial, shuffle, lag")

    def _limit(self, command: JsonObject) -> None:
        self.calls = int(command["calls"])

    def _lifecycle(self, command: JsonObject) -> int:
        """→ how many subscriptions were told."""
        event, now = command.get("event"), self.clock.now()
        if event not in _EVENTS:
            raise BadCommand(f"event is one of {', '.join(_EVENTS)}, not {event!r}")
        ids = [command["subscription"]] if "subscription" in command else self.subscriptions.held
        told = [self.subscriptions.challenge(id, event, now) for id in list(ids)]
        items = [
            (one.lifecycle_url, _item(one) | {"lifecycleEvent": event})
            for one in told
            if one.lifecycle_url
        ]
        self._send(items)
        return len(items)

    def _postpone(self, command: JsonObject) -> str:
        """Do it when the clock gets there: replication takes its time."""
        at = datetime.fromisoformat(command.pop("visible_at"))
        if command["do"] == "create":
            made = pairs.new_id if command.get("stream") == pairs.STREAM else Directory.new_id
            command.setdefault("id", made(self.directory))
        command.setdefault("at", self.clock.now().isoformat())
        self._later.append((at, command))
        return str(command["id"])

    def _settle(self, now: datetime) -> None:
        self.subscriptions.settle(now)
        due = [command for at, command in self._later if at <= now]
        self._later = [(at, command) for at, command in self._later if at > now]
        for command in due:
            self._obey(command)
        if due:
            self._tell()

    # -- notifications

    def webhooks(self, command: JsonObject) -> Sequence[SentHook]:
        """As `Sandbox.webhooks` says; "secret" is the clientState of its item."""
        kind, id = known(str(command.get("stream"))), str(command.get("id"))
        state = str(command.get("secret", CLIENT_STATE))
        ends = self.clock.now() + timedelta(days=1)
        held = Subscription(self._guid(), kind.name, frozenset(), "", "", state, ends)
        item = self._change(held, kind, id, "updated")
        return [SentHook((("Content-Type", "application/json"),), outbox.body([item]))]

    def emit(self, command: JsonObject) -> Any:
        """Besides what every sandbox understands:

        {"do": "retry"}                   send again what failed and is due by the clock
        {"do": "retry", "at_once": true}  ... without waiting for that
        {"do": "log"}                     every POST: to, statuses, when it is due, its items
        """
        match command:
            case {"do": "retry"}:
                return self.outbox.send(at_once=bool(command.get("at_once")))
            case {"do": "log"}:
                return [delivery.shown() for delivery in self.outbox.deliveries]
            case _:
                return super().emit(command)

    def _noted(self, commit: Commit) -> None:
        self._news.append(commit)

    def _tell(self) -> None:
        """Tell every subscription what happened; nobody waits for the answers."""
        news, self._news = self._news, []
        now = self.clock.now()
        self._send(
            [
                (one.url, self._change(one, commit.kind, commit.id, change))
                for commit in news
                for change in ["deleted" if commit.removed else "updated"]
                for one in self.subscriptions.hearing(commit.kind.name, change, now)
            ]
        )

    def _send(self, items: Sequence[tuple[str, JsonObject]]) -> None:
        if items:
            self.outbox.put(items)
            threading.Thread(target=self.outbox.send, daemon=True).start()

    def _change(self, one: Subscription, kind: Kind, id: str, change: str) -> JsonObject:
        about = {
            "@odata.type": f"#Microsoft.Graph.{title(kind)}",
            "@odata.id": f"{title(kind)}s/{id}",
            "id": id,
            "organizationId": aad.TENANT,
            "sequenceNumber": next(self._numbers),
        }
        told = {"changeType": change, "resource": about["@odata.id"], "resourceData": about}
        return _item(one) | told

    def _guid(self) -> str:
        return str(UUID(int=0xE7A0_0000_0000_4000_8000_0000_0000_0000 + next(self._numbers)))


def _item(one: Subscription) -> JsonObject:
    return {
        "subscriptionId": one.id,
        "subscriptionExpirationDateTime": subscribing.text(one.expires),
        "clientState": one.state,
        "tenantId": aad.TENANT,
    }


def _data(command: JsonObject) -> JsonObject:
    data = command.get("data")
    if not isinstance(data, dict):
        raise BadCommand(f"data is an object, not {data!r}")
    return data


def _role(command: JsonObject) -> str:
    role = str(command.get("role"))
    if role not in aad.ROLES:
        raise BadCommand(f"role is one of {', '.join(aad.ROLES)}, not {role!r}")
    return role
