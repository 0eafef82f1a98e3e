"""Microsoft Entra ID: users, groups, and who is in them, by change tracking and by notification.

The directory is the master: nothing is written to it. A row of changes only says which object to
read; what reaches the hub is always the whole object, or a pair of a group and a user.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

import hub
from spokes.entra import delta, errors, graph, memberships, notices, subscriptions
from spokes.entra.delta import Place, Round, Told
from spokes.entra.graph import GUID, KINDS, MEMBERS, Kind, Member

_SIGN_IN = {  # https://learn.microsoft.com/graph/deployments
    "graph.microsoft.com": "login.microsoftonline.com",
    "graph.microsoft.us": "login.microsoftonline.us",
    "dod-graph.microsoft.us": "login.microsoftonline.us",
    "microsoftgraph.chinacloudapi.cn": "login.partner.microsoftonline.cn",
}
State = Annotated[hub.Secret, Field(min_length=8, max_length=128)]


class Entra(hub.Spoke, hub.Pulls, hub.Fetches, hub.Receives, hub.Subscribes, hub.Counts):
    """The users and groups of one tenant, and who is in them, read as an application.

    `client_state` is a text of ours, random and secret, that Graph repeats in each notification;
    `client_state_old` is the one before it, for as long as both are good.
    """

    kind: ClassVar[Literal["identity"]] = "identity"
    streams = tuple(hub.Stream(name) for name in (*KINDS, memberships.NAME))
    rate = hub.Rate(calls=20)  # a tenant may spend 3,500 units in 10 s, and these cost up to 4
    hosts = tuple(_SIGN_IN)

    url: str = "https://graph.microsoft.com"
    tenant: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+$")]
    client_id: str
    client_secret: hub.Secret
    client_state: State
    client_state_old: State | None = None
    subscription_life: Annotated[
        timedelta, Field(ge=timedelta(hours=3), le=subscriptions.LONGEST)
    ] = subscriptions.LONGEST

    @model_validator(mode="after")
    def _url_is_one_of_their_clouds(self) -> Self:
        host = urlsplit(self.url).hostname
        if not self.sandbox and host not in _SIGN_IN:
            raise ValueError(f"url: {host} is no host of Graph; there are {', '.join(_SIGN_IN)}")
        return self

    def auth(self) -> hub.Auth:
        """By client credentials, where this cloud signs in, or at a sandbox's own address."""
        host = _SIGN_IN.get(urlsplit(self.url).hostname or "", "")
        base = self.url.rstrip("/") if self.sandbox else f"https://{host}"
        return hub.ClientCredentials(
            f"{base}/{self.tenant}/oauth2/v2.0/token",
            self.client_id,
            self.client_secret,
            f"{self.url.rstrip('/')}/.default",
            tokens=self._tokens,
            hosts=(host,),
            loopback=self.sandbox,
            secret_in_body=True,
        )

    def translate(self, response: hub.Response) -> hub.SyncError | None:
        return errors.translate(response)

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        if stream.name == memberships.NAME:
            yield from memberships.pull(self._get, self._members, cursor, self.url)
            return
        kind = KINDS[stream.name]
        names = graph.columns(kind, stream)
        if cursor:
            place = delta.resume(cursor, names, self.url)
        else:
            place = Place(graph.tracked(kind, names), names, first=True)
        told, more = Round(), True
        while more:
            answer = self._get(place.link)
            news = told.unsaid(delta.told(answer))
            changes = told.fresh(self._changes(kind, place, news, told))
            place, more = delta.after(place, answer)
            yield hub.Page(changes, place.cursor())

    def fetch(self, stream: hub.Stream, ids: Sequence[str]) -> Iterator[hub.Change]:
        if stream.name == memberships.NAME:
            yield from memberships.fetch(self._members, ids)
            return
        kind = KINDS[stream.name]
        names = graph.columns(kind, stream)
        known = list(dict.fromkeys(id.lower() for id in ids if GUID.fullmatch(id)))
        yield from (hub.Change(stream.name, id, None) for id in ids if not GUID.fullmatch(id))
        for some, copies in self._copies(kind, names, known):
            for id in some:
                copy = copies.get(id)
                if copy is not None and MEMBERS in names:
                    copy = self._with_members(copy, self._members(id))
                yield hub.Change(stream.name, id, copy)

    def count(self, stream: hub.Stream, since: datetime | None) -> int | None:
        """How many users or groups there are; not how many of them changed, nor pairs.

        https://learn.microsoft.com/graph/aad-advanced-queries
        """
        if since is not None or stream.name not in KINDS:
            return None
        answer = self.http.get(graph.counted(KINDS[stream.name]), headers=graph.EVENTUAL)
        text = answer.content.decode("utf-8-sig", "replace").strip()  # with a BOM, now and then
        if not text.isdecimal():
            raise hub.Transient(f"{stream.name}: Graph answered a count with {text[:60]!r}")
        return int(text)

    def handshake(self, hook: hub.Webhook) -> hub.Greeting | None:
        """While the hub subscribes, Graph asks both addresses to repeat a token."""
        token = hook.query.get(notices.TOKEN)
        return hub.Greeting(token) if token and hook.method == "POST" else None

    def verify(self, hook: hub.Webhook) -> None:
        old = self.client_state_old
        notices.verify(hook, [self.client_state, *([old] if old is not None else [])])

    def parse(self, hook: hub.Webhook) -> Iterable[hub.Hint | hub.Lapsed]:
        return notices.parse(hook)

    def delivery(self, hook: hub.Webhook) -> str:
        return notices.delivery(hook)

    def subscribe(
        self, url: str, streams: Sequence[hub.Stream], held: Sequence[hub.Subscription]
    ) -> Sequence[hub.Subscription]:
        terms = subscriptions.Terms(url, self.client_state, self.subscription_life, self._clock())
        heard = [stream for stream in streams if stream.name in KINDS]
        return subscriptions.see_to(self.http, terms, heard, held)

    # -- what a page tells, made whole

    def _changes(
        self, kind: Kind, place: Place, page: Sequence[Told], told: Round
    ) -> Iterator[hub.Change]:
        """Each object of a page as it is now.

        What a page tells once is laid over the copy that is read, which may come from a replica
        that is behind. What it tells twice is not: who knows which was later. Then the copy,
        which is read after both, decides alone; and if it is behind, so is the hub until the
        object's next change.
        """
        unread = [
            one.id
            for one in page
            if told.knows(one.id) or (one.alive and not _is_whole(kind, place, one))
        ]
        copies: dict[str, hub.JsonObject] = {}
        for _, found in self._copies(kind, place.columns, unread):
            copies |= found
        for one in page:
            trusted = not (one.gone or one.torn or told.knows(one.id))
            copy = copies.get(one.id)
            if trusted and one.alive and copy is None and one.shows(kind.always):
                copy = graph.data(place.columns, one.values)  # or it is new, and not there yet
            if copy is not None:
                copy = self._whole(one, copy, trusted=trusted)
            yield hub.Change(kind.name, one.id, copy)

    def _whole(self, one: Told, copy: hub.JsonObject, *, trusted: bool) -> hub.JsonObject:
        if trusted:
            copy = one.over(copy)
        if MEMBERS not in copy:
            return copy
        found = self._members(one.id)
        return self._with_members(copy, one.over_members(found) if trusted else found)

    def _copies(
        self, kind: Kind, names: Sequence[str], ids: Sequence[str]
    ) -> Iterator[tuple[list[str], dict[str, hub.JsonObject]]]:
        """Portions of the ids, each with the objects that exist, by id; members are missing."""
        for some, link in graph.by_ids(kind, names, ids):
            rows = self._listed(link)
            yield some, {str(row["id"]).lower(): graph.data(names, row) for row in rows}

    def _members(self, id: str) -> list[Member]:
        """The direct members of a group; none of one that is gone."""
        try:
            return [graph.member(entry) for entry in self._listed(graph.members(id))]
        except hub.NotFound:
            return []

    def _with_members(self, copy: hub.JsonObject, found: Iterable[Member]) -> hub.JsonObject:
        return {**copy, MEMBERS: graph.of_members(found)}

    def _listed(self, link: str) -> Iterator[hub.JsonObject]:
        while link:
            answer = self._get(link)
            yield from answer["value"]
            link = str(answer.get("@odata.nextLink") or "")

    def _get(self, link: str) -> hub.JsonObject:
        answer: hub.JsonObject = self.http.get(link).json()
        return answer


def _is_whole(kind: Kind, place: Place, one: Told) -> bool:
    """Whether the first round shows all there is of an object, so that nobody need read it."""
    return place.first and not (one.gone or one.torn) and one.shows(kind.always)
