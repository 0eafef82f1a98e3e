"""Request Tracker 5: tickets come in by poll and go out, by REST 2; users come in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Literal

import hub
from spokes.request_tracker import records, ticketsql, writing

PATH = "/REST/2.0"
PAGE = 100  # of a list, at most; more is cut down to it without a word
AT_ONCE = 50  # ids in one query: an address holds some 2,000 characters everywhere
TICKETS = hub.Stream("tickets")
USERS = hub.Stream("users", every=timedelta(hours=1))


class RequestTracker(hub.Spoke, hub.Pulls, hub.Fetches, hub.Writes, hub.Counts):
    """One Request Tracker 5, as the account `user`, by a token of it.

    Moments in a query are read in the time zone of that account: it must say UTC, or a pull
    raises `Permanent`. Tickets that the hub creates go to `queue`. Core Request Tracker sends no
    webhooks.
    """

    kind: ClassVar[Literal["field_service"]] = "field_service"
    streams = (USERS, TICKETS)
    rate = hub.Rate(calls=10)

    user: str
    token: hub.Secret
    queue: str = "General"

    def auth(self) -> hub.Auth:
        return hub.HeaderKey("Authorization", self.token, prefix="token ")

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        if stream.name == USERS.name:
            yield from self._users(cursor)
        else:
            self._check_time_zone()
            yield from self.keyset(cursor, self._changed)

    def fetch(self, stream: hub.Stream, ids: Sequence[str]) -> Iterator[hub.Change]:
        known = list(dict.fromkeys(one for one in ids if one.isascii() and one.isdecimal()))
        yield from (hub.Change(stream.name, one, None) for one in ids if one not in known)
        if stream.name == USERS.name:
            yield from map(self._user, known)
            return
        for some in (known[start : start + AT_ONCE] for start in range(0, len(known), AT_ONCE)):
            found = {one.id: one for one in self._tickets(ticketsql.among(some))}
            yield from (found.get(one) or hub.Change(TICKETS.name, one, None) for one in some)

    def count(self, stream: hub.Stream, since: datetime | None) -> int | None:
        """`total` of a list with one record; None where they leave it out, or must count changes
        of users."""
        asked = [("fields", "id"), ("per_page", "1")]
        if stream.name == USERS.name:
            if since is not None:
                return None
            return self._total("users", [*asked, ("find_disabled_rows", "1")])
        if since is not None:
            self._check_time_zone()
        return self._total("tickets", [*asked, ("query", ticketsql.counted(since))])

    def upsert(self, stream: hub.Stream, write: hub.Write) -> hub.Receipt:
        if stream.name != TICKETS.name:
            raise hub.Permanent(f"{stream.name} of Request Tracker are only read")
        data = writing.body(write.data)
        if write.id is None:
            return self._create(write.key, data)
        return self._update(write.id, data, write.version)

    def delete(self, stream: hub.Stream, id: str) -> None:
        """Raises `NotFound` for one that is deleted already: they would answer 500."""
        del stream  # users are not written
        self._ticket(id)
        self.http.delete(f"{PATH}/ticket/{records.number(id)}")

    # -- reading

    def _check_time_zone(self) -> None:
        account = self.http.get(f"{PATH}/user/{records.segment(self.user)}").json()
        if (zone := account.get("Timezone")) != "UTC":
            said = f"is {zone}" if zone else "is not set"
            raise hub.Permanent(
                f"the time zone of {self.user} in Request Tracker {said}: set it to UTC (Settings, "
                "Preferences, About me), for every moment in a query is read in it"
            )

    def _changed(self, window: hub.Window) -> Iterator[Sequence[hub.Change]]:
        """Tickets of a window, and those that left the lists meanwhile, in order."""
        first = window.since is None  # what was gone before it, nobody here has
        while True:
            shown = self._tickets(ticketsql.changed(window))
            last = shown[-1] if shown else None
            gone = [] if first else self._gone(window, last)
            if batch := records.in_order([*shown, *gone], window, last):
                yield batch
            if last is None:
                return
            window = ticketsql.after(window, last)

    def _tickets(self, query: str) -> list[hub.Change]:
        asked = [
            ("query", query),
            ("fields", ",".join(records.FIELDS)),
            *((f"fields[{name}]", "id,Name") for name in records.PEOPLE),
            ("fields[Queue]", "Name"),
            ("orderby", "LastUpdated"),
            ("orderby", "id"),
            ("per_page", str(PAGE)),
        ]
        return [records.ticket(item) for item in self._items("tickets", asked)]

    def _gone(self, window: hub.Window, last: hub.Change | None) -> Iterator[hub.Change]:
        """Tickets deleted or merged into others: no list has them, but their history is there."""
        after = 0
        while True:
            asked = [
                ("query", ticketsql.gone(window, last.version if last else "", after)),
                ("fields", "Type,ObjectId,NewValue,Created"),
                ("orderby", "id"),
                ("per_page", str(PAGE)),
            ]
            found = self._items("transactions", asked)
            yield from filter(None, map(records.gone, found))
            if not found:
                return
            after = int(found[-1]["id"])

    def _users(self, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        """All of them: one that mail made has no LastUpdated until somebody changes it."""
        page = records.page_of(cursor)
        while True:
            asked = [
                ("fields", ",".join(records.PERSON)),
                ("find_disabled_rows", "1"),
                ("orderby", "Created"),
                ("orderby", "id"),
                ("per_page", str(PAGE)),
                ("page", str(page)),
            ]
            found = self._items("users", asked)
            if not found:
                yield hub.Page((), hub.LISTED)
                return
            page += 1
            yield hub.Page([records.user(item) for item in found], records.cursor_at(page))

    def _user(self, id: str) -> hub.Change:
        try:
            return records.user(self.http.get(f"{PATH}/user/{id}").json() | {"id": id})
        except hub.NotFound:
            return hub.Change(USERS.name, id, None)

    def _items(self, path: str, asked: Sequence[tuple[str, str]]) -> list[hub.JsonObject]:
        answer = self.http.get(f"{PATH}/{path}", params=asked)
        return records.items(answer)

    def _total(self, path: str, asked: Sequence[tuple[str, str]]) -> int | None:
        total = self.http.get(f"{PATH}/{path}", params=asked).json().get("total")
        return total if isinstance(total, int) else None

    # -- writing

    def _create(self, key: str, data: hub.JsonObject) -> hub.Receipt:
        """A ticket that carries our key already is ours: its answer was lost."""
        if found := self._tickets(ticketsql.stamped(key)):
            return self._update(found[0].id, data, "")
        self._check_stamp()
        body = {"Queue": self.queue, **data, "CustomFields": {records.STAMP: key}}
        said = self.http.post(f"{PATH}/ticket", json=body).json()
        made = self._written(str(said["id"]))
        return hub.Receipt(made.id, made.version)

    def _check_stamp(self) -> None:
        """They drop a custom field that they do not know, and with it what makes a write safe."""
        queue = self.http.get(f"{PATH}/queue/{records.segment(self.queue)}").json()
        if records.STAMP not in {one["name"] for one in queue.get("TicketCustomFields") or ()}:
            raise hub.Permanent(
                f"the queue {self.queue!r} of Request Tracker has no custom field {records.STAMP!r} "
                f"for tickets that {self.user} may see: README.md of the spoke says how to make it"
            )

    def _update(self, id: str, data: hub.JsonObject, seen: str) -> hub.Receipt:
        before, etag = self._ticket(id)
        if seen and before["LastUpdated"] != seen:
            raise hub.Conflict(f"ticket {id} was changed at {before['LastUpdated']}, not {seen}")
        changed = writing.differing(data, before)
        if not changed:
            return hub.Receipt(id, before["LastUpdated"])
        told = self.http.put(f"{PATH}/ticket/{id}", json=changed, headers={"If-Match": etag})
        after = self._written(id)
        writing.check(id, changed, before, after.data or {}, told)
        return hub.Receipt(id, after.version)

    def _written(self, id: str) -> hub.Change:
        """A ticket after it was written, as a pull gives it."""
        for one in self._tickets(ticketsql.among([id])):
            return one
        raise hub.NotFound(f"ticket {id} was deleted or merged into another while it was written")

    def _ticket(self, id: str) -> tuple[hub.JsonObject, str]:
        """A ticket as it is alone, and its ETag; raises `NotFound` for one that is gone."""
        answer = self.http.get(f"{PATH}/ticket/{records.number(id)}")
        found: hub.JsonObject = answer.json()
        if found["Status"] == "deleted":
            raise hub.NotFound(f"ticket {id} is deleted")
        if str(found["id"]) != id:
            raise hub.NotFound(f"ticket {id} was merged into {found['id']}")
        return found, answer.headers["ETag"]
