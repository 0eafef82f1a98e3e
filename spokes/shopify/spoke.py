"""Shopify: customers, orders, refunds and returns come in, by search and by webhook.

Read through the GraphQL Admin API (REST is legacy). Search finds a changed record only after a
while, so a pull reads the last ten minutes again; `fetch` reads by id and is never behind.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

import hub
from spokes.shopify import errors, webhooks
from spokes.shopify.queries import KINDS, MAX_COST, MAX_FIRST, NESTED, Kind, Listing

SECOND = timedelta(seconds=1)  # the precision of their clock


@dataclass(frozen=True, slots=True)
class Listed:
    """A customer or order as a search lists it, in the order of (version, id)."""

    id: str
    version: str
    node: hub.JsonObject


class Shopify(hub.Spoke, hub.Pulls, hub.Fetches, hub.Receives, hub.Counts):
    """One shop, reached with the token of a custom app.

    External ids are Shopify's global ids (`gid://shopify/Order/1`), in every stream and webhook.
    """

    kind: ClassVar[Literal["commerce"]] = "commerce"
    streams = (
        hub.Stream("customers", by_time=True),
        # Without read_all_orders they show no orders older than 60 days.
        hub.Stream("orders", complete=False, by_time=True),
        hub.Stream("refunds", complete=False, by_time=True),
        hub.Stream("returns", complete=False, by_time=True),
    )
    rate = hub.Rate(calls=40)  # cost points are what limits: see THROTTLED in errors.py
    hosts = (".myshopify.com",)

    access_token: hub.Secret
    hook_secret: hub.Secret
    previous_hook_secret: hub.Secret | None = None
    """The secret before a rotation: both verify until it is taken out."""
    api_version: str = Field(default="2026-10", pattern=r"^\d{4}-(01|04|07|10)$")
    page_size: int = Field(default=100, ge=1, le=MAX_FIRST)
    shop: str = ""
    """The shop's own domain, where `url` is a sandbox's: webhooks name it."""

    keys: ClassVar[hub.Keyset] = hub.Keyset(overlap=timedelta(minutes=10))
    reach: ClassVar[int] = 20_000
    """After how many records a search starts anew: Shopify pages no further than 25,000."""

    @model_validator(mode="after")
    def _shop_is_the_host(self) -> Self:
        host = urlsplit(self.url).hostname or ""
        if self.shop and not self.sandbox and self.shop.lower() != host:
            raise ValueError(f"shop {self.shop!r} is not the host of url, {host!r}: leave shop out")
        return self

    def auth(self) -> hub.Auth:
        return hub.HeaderKey("X-Shopify-Access-Token", self.access_token)

    def translate(self, response: hub.Response) -> hub.SyncError | None:
        return errors.translate(response, self.api_version)

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        kind = KINDS[stream.name]
        read = partial(self._search, kind)
        begun = False
        try:
            for listed, after in self.keys.walk(cursor, read, now=self._clock()):
                begun = True
                yield hub.Page(self._changes(stream, kind, listed), after)
        except errors.Throttled as error:
            if not begun:
                raise
            # Whoever resumes reads some of it again: with a full bucket, they get further.
            raise hub.RateLimited(str(error), error.until_full) from error

    def fetch(self, stream: hub.Stream, ids: Sequence[str]) -> Iterator[hub.Change]:
        kind = KINDS[stream.name]
        for strange in (x for x in ids if not x.startswith(f"gid://shopify/{kind.type}/")):
            raise hub.Permanent(f"{strange!r} is not the id of one of the {stream.name}")
        size = _size(kind.weight, MAX_FIRST)
        for start in range(0, len(ids), size):
            some = list(ids[start : start + size])
            for asked, node in zip(some, self._nodes(kind, some), strict=True):
                if node is None:
                    yield hub.Change(stream.name, asked, None)
                else:
                    yield self._change(stream.name, kind, node)

    def count(self, stream: hub.Stream, since: datetime | None) -> int | None:
        """Of customers and orders, as far as our scopes show them; None if that is no number."""
        kind = KINDS[stream.name]
        if not kind.counts:
            return None
        query = None if since is None else f"updated_at:>='{_instant(since)}'"
        (found,) = self._ask(kind.counts, query=query).values()
        exact = found is not None and found["precision"] == "EXACT"
        return int(found["count"]) if exact else None

    def verify(self, hook: hub.Webhook) -> None:
        secrets = [s for s in (self.hook_secret, self.previous_hook_secret) if s]
        hook.check_signature(secrets, "x-shopify-hmac-sha256", encoding="base64")
        # The headers are not signed: a genuine body may still be meant for another shop.
        theirs = hook.headers.get("x-shopify-shop-domain", "").lower()
        ours = self.shop.lower() or urlsplit(self.url).hostname
        if theirs != ours:
            raise hub.Forged(f"x-shopify-shop-domain is {theirs!r}, this connection is {ours!r}")
        topic = hook.headers.get("x-shopify-topic", "")
        if not topic or "\n" in topic:
            raise hub.Forged("x-shopify-topic is missing or was sent twice")

    def parse(self, hook: hub.Webhook) -> Iterable[hub.Change | hub.Hint]:
        return webhooks.parse(hook)

    def delivery(self, hook: hub.Webhook) -> str:
        return webhooks.delivery(hook) or super().delivery(hook)

    # -- searching ---------------------------------------------------------------------------

    def _search(self, kind: Kind, window: hub.Window) -> Iterator[list[Listed]]:
        """Page through what changed in the window, oldest first."""
        rest: hub.Window | None = window
        while rest:
            rest = yield from self._stretch(kind, rest)

    def _stretch(
        self, kind: Kind, window: hub.Window
    ) -> Generator[list[Listed], None, hub.Window | None]:
        """As far as paging reaches; → the window that is left then."""
        for query in _queries(window):
            seen = 0
            for nodes in self._walk(kind.listing, query=query):
                listed = [Listed(node["id"], node["updatedAt"], node) for node in nodes]
                yield from _portions(kind, listed)
                seen += len(listed)
                if seen >= self.reach:
                    last = listed[-1]
                    return hub.Window(datetime.fromisoformat(last.version), last.id, window.before)
        return None

    def _walk(self, listing: Listing, **variables: Any) -> Iterator[list[hub.JsonObject]]:
        """Yield the pages of a connection, smaller ones once Shopify says they cost too much."""
        size = _size(listing.weight, self.page_size)
        variables.setdefault("after", None)
        more = True
        while more:
            try:
                answer: Any = self._ask(listing.text, first=size, **variables)
            except errors.TooCostly:
                if size == 1:
                    raise
                size //= 2
                continue
            for name in listing.at:
                answer = answer[name]
                if answer is None:
                    raise hub.Conflict(f"{variables.get('id')} vanished while it was read")
            if answer["nodes"]:
                yield answer["nodes"]
            info = answer["pageInfo"]
            more, variables["after"] = info["hasNextPage"], info["endCursor"]

    def _nodes(self, kind: Kind, ids: list[str]) -> list[hub.JsonObject | None]:
        try:
            nodes: list[hub.JsonObject | None] = self._ask(kind.by_ids, ids=ids)["nodes"]
        except errors.TooCostly:
            if len(ids) == 1:
                raise
            half = len(ids) // 2
            return self._nodes(kind, ids[:half]) + self._nodes(kind, ids[half:])
        return nodes

    def _ask(self, text: str, /, **variables: Any) -> hub.JsonObject:
        path = f"/admin/api/{self.api_version}/graphql.json"
        answer = self.http.post(path, json={"query": text, "variables": variables})
        data: hub.JsonObject = answer.json()["data"]
        return data

    # -- records -----------------------------------------------------------------------------

    def _change(self, stream: str, kind: Kind, node: hub.JsonObject) -> hub.Change:
        """One record, with all that is nested in it, however long."""
        for name, rest in kind.nested.items():
            info = node[name].pop("pageInfo")
            if info["hasNextPage"]:
                for more in self._walk(rest, id=node["id"], after=info["endCursor"]):
                    node[name]["nodes"] += more
        # A refund or return has no clock that search knows: it is as new as its order, whose
        # clock every refund and return moves.
        dated = node["order"] if kind.under else node
        return hub.Change(stream, node["id"], node, dated["updatedAt"])

    def _changes(
        self, stream: hub.Stream, kind: Kind, listed: Sequence[Listed]
    ) -> list[hub.Change]:
        """The listed records; or the refunds or returns under them, as they are by now."""
        if not kind.under:
            return [self._change(stream.name, kind, row.node) for row in listed]
        under = [found for row in listed for found in self._ids_under(kind, row.node)]
        return list(self.fetch(stream, under))

    def _ids_under(self, kind: Kind, order: hub.JsonObject) -> list[str]:
        ids = _ids(order[kind.under])
        if len(ids) < NESTED:
            return ids
        whole = self._ask(kind.whole, id=order["id"])["order"]
        ids = _ids(whole[kind.under]) if whole else []
        if len(ids) >= MAX_FIRST:
            raise hub.Permanent(f"{order['id']} has {MAX_FIRST} {kind.under} or more: cannot list")
        return ids


def _ids(listed: Any) -> list[str]:
    return [node["id"] for node in (listed["nodes"] if isinstance(listed, dict) else listed)]


def _size(weight: int, limit: int) -> int:
    """How many records of this weight fit into one query."""
    return max(1, min(limit, MAX_FIRST, MAX_COST // weight))


def _portions(kind: Kind, listed: Sequence[Listed]) -> Iterator[list[Listed]]:
    """Cut what one search listed so that no part needs much more than one further query.

    Whoever is told to wait within a part begins it anew; a small one fits into any shop's bucket.
    """
    most = _size(kind.weight, MAX_FIRST)
    part: list[Listed] = []
    load = 0
    for row in listed:
        if kind.under:
            more = len(_ids(row.node[kind.under]))
        else:
            more = most * any(row.node[name]["pageInfo"]["hasNextPage"] for name in kind.nested)
        if part and load + more > most:
            yield part
            part, load = [], 0
        part.append(row)
        load += more
    yield part


def _queries(window: hub.Window) -> Iterator[str]:
    """Searches for a window: what is left of its first second, then what came later."""
    since = window.since
    if since and window.id:
        after = window.id.rpartition("/")[2]
        yield f"{_between(since, since + SECOND)} AND id:>{after}"
        since += SECOND
    if not since or since < window.before:
        yield _between(since, window.before)


def _between(since: datetime | None, before: datetime) -> str:
    until = f"updated_at:<'{_instant(before)}'"
    return f"updated_at:>='{_instant(since)}' AND {until}" if since else until


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
