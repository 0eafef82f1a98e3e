"""The shop's front door: HTTP as strict as Shopify's, and the commands that steer the sandbox."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import threading
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import orjson

from hub.testing import Answer, BadCommand, Request, Sandbox, SentHook
from spokes.shopify.sandbox import acts, cost
from spokes.shopify.sandbox import seed as seeds
from spokes.shopify.sandbox.api import SCOPES, Api
from spokes.shopify.sandbox.outbox import Outbox
from spokes.shopify.sandbox.shop import TYPES, Event, JsonObject, Shop, instant, number

DOMAIN = "hub-demo.myshopify.com"
TOKEN = "shpat_0sandbox0sandbox0sandbox00"
VERSIONS = ("2026-01", "2026-04", "2026-07", "2026-10")
PATH = re.compile(r"/admin/api/(\d{4}-\d{2})/graphql\.json")


class ShopifySandbox(Sandbox):
    """One shop of Shopify, with the orders and customers of an invented retailer."""

    name = "shopify"

    def __init__(
        self,
        *,
        seed: Path | None = None,
        customers: int = seeds.CUSTOMERS,
        orders: int = seeds.ORDERS,
    ) -> None:
        super().__init__(seed=seed)
        self.domain = DOMAIN
        self.shop = Shop(self.domain, self.clock.now)
        self.outbox = Outbox(self.clock.now)
        self.api = Api(self.shop, self.outbox, cost.Bucket(cost.PLUS, self.clock.now))
        self.secrets = ["shpss_sandbox_1"]
        self._chance = Random(11)  # ids of events, not secrets
        self._later: list[tuple[datetime, JsonObject]] = []
        if seed:
            seeds.load(self.shop, seed)
        else:
            seeds.invent(self.shop, customers, orders)

    def settings(self) -> JsonObject:
        previous = {"previous_hook_secret": self.secrets[1]} if len(self.secrets) > 1 else {}
        # Whoever asks decides how much comes: Shopify answers no fewer records than asked for.
        size = {"page_size": self.page_size} if self.page_size else {}
        return {
            "url": self.url,
            "sandbox": True,
            "shop": self.domain,
            "access_token": TOKEN,
            "hook_secret": self.secrets[0],
            **previous,
            **size,
        }

    def plan(self, plan: cost.Plan) -> None:
        """Move the shop to another plan, with a full bucket."""
        self.api.bucket = cost.Bucket(plan, self.clock.now)

    # -- the API -----------------------------------------------------------------------------

    def answer(self, request: Request) -> Answer:
        self._settle()
        asked = PATH.fullmatch(request.path)
        if not asked or request.method != "POST" or not self._served(asked[1]):
            return self._refusal(404, "Not Found")
        headers = {"X-Shopify-API-Version": self._served(asked[1])}
        if request.headers.get("x-shopify-access-token") != TOKEN:
            why = "[API] Invalid API key or access token (unrecognized login or wrong password)"
            return self._refusal(401, why, headers)
        try:
            body = request.json()
            query, variables = body["query"], body.get("variables") or {}
        except (ValueError, KeyError, TypeError):
            query, variables = None, {}
        kind = request.headers.get("content-type", "").partition(";")[0]
        if kind != "application/json" or not isinstance(query, str):
            why_not = {"query": "Required parameter missing or invalid"}
            return self._refusal(400, why_not, headers)
        answer = self.api.answer(query, variables)
        self._tell()
        return Answer(200, {**headers, **self._named()}, answer)

    def _served(self, version: str) -> str:
        """The version that answers: an older one than is supported gets the oldest; a newer none."""
        if version in VERSIONS:
            return version
        return VERSIONS[0] if version < VERSIONS[0] else ""

    def _refusal(self, status: int, errors: Any, headers: JsonObject | None = None) -> Answer:
        return Answer(status, {**(headers or {}), **self._named()}, {"errors": errors})

    def _named(self) -> JsonObject:
        return {"X-Request-Id": self._uuid(), "Content-Type": "application/json; charset=utf-8"}

    # -- what people do ----------------------------------------------------------------------

    def mutate(self, command: JsonObject) -> Any:
        """Besides what every sandbox understands, for customers, orders, refunds, returns:

        {"do": "refund", "order": I, "lines": [{"sku": S, "quantity": 1}], "note": T, "amount": "9.90"}
                                          → its id; raises refunds/create and orders/updated as one event
        {"do": "return", "order": I, "lines": [...], "reason": "defective", "note": T}  → its id
        {"do": "cancel", "order": I, "reason": "customer"}                              → the order's id
        {"do": "subscribe", "topic": "orders/updated" or "*", "to": "http://127.0.0.1:..."}  → its id
        {"do": "rotate_secret"}           webhooks are signed with a new secret; settings() has both
        {"do": "revoke", "scope": "read_orders"} and "grant"    what the app may read

        `data` is in the REST shape (snake_case), ids are global (gid://shopify/Order/1) or numbers.
        What changes is told to subscribers at once, and again after 1 to 120 minutes by the
        sandbox's clock, 8 times, until they answer 2xx: {"do": "retry"} of `emit` sends what is due.
        """
        self._settle()
        if "visible_at" in command:
            return self._postpone(command)
        done = self._obey(command)
        self._tell()
        return done

    def _obey(self, command: JsonObject) -> Any:
        match command:
            case {"do": str(verb)} if verb in acts.ACTS:
                return acts.ACTS[verb](self.shop, command)
            case {"do": "expire_tokens"}:
                return None  # a custom app's token is good until the app is removed
            case {"do": "subscribe", "topic": str(topic), "to": str(to)}:
                return self.outbox.subscribe(self.shop.new_id(), topic, to).id
            case {"do": "rotate_secret"}:
                self.secrets = [f"shpss_sandbox_{self._uuid()[:8]}", self.secrets[0]]
                return None
            case {"do": "revoke", "scope": scope} if scope in SCOPES:
                return self.api.scopes.discard(scope)
            case {"do": "grant", "scope": scope} if scope in SCOPES:
                return self.api.scopes.add(scope)
            case _:
                raise BadCommand(f"the Shopify sandbox does not understand {command!r}")

    def _postpone(self, command: JsonObject) -> str:
        """Do it when the clock gets there, as a transaction that commits late would."""
        command = dict(command)
        at = datetime.fromisoformat(command.pop("visible_at"))
        stream = str(command.get("stream"))
        if stream not in TYPES:
            raise BadCommand(f"no stream {stream!r}: there are {', '.join(TYPES)}")
        if command["do"] == "create":
            command.setdefault("id", self.shop.new_id())
        command.setdefault("at", instant(self.clock.now()))
        self._later.append((at, command))
        return f"gid://shopify/{TYPES[stream]}/{number(TYPES[stream], command['id'])}"

    def _settle(self) -> None:
        now = self.clock.now()
        due = [command for at, command in self._later if at <= now]
        self._later = [(at, command) for at, command in self._later if at > now]
        for command in due:
            self._obey(command)

    # -- webhooks ----------------------------------------------------------------------------

    def webhooks(self, command: JsonObject) -> Sequence[SentHook]:
        """A refund is told with its order, under one Event-Id.

        "topic": instead of the usual one; "event": this Event-Id instead of a new one;
        "deleted": true, the record's deletion (which needs no record).
        """
        stream = str(command.get("stream"))
        if stream not in TYPES:
            raise BadCommand(f"no stream {stream!r}: there are {', '.join(TYPES)}")
        event_id = str(command.get("event") or self._uuid())
        secret = str(command.get("secret") or self.secrets[0])
        return [
            self._hook(event, event_id, secret=secret) for event in self._events(stream, command)
        ]

    def _events(self, stream: str, command: JsonObject) -> list[Event]:
        topic = command.get("topic")
        if command.get("deleted"):
            gone = number(TYPES[stream], command.get("id"))
            return [Event(topic or f"{stream}/delete", self.shop.tombstone(stream, gone))]
        record = acts.find(self.shop, stream, command.get("id"))
        usual = {"customers": "update", "orders": "updated", "refunds": "create"}
        told = [
            Event(
                topic or f"{stream}/{usual.get(stream, 'update')}",
                self.shop.payload(stream, record),
            )
        ]
        if stream == "refunds" and not topic:
            order = self.shop.order_of(record)
            told.append(Event("orders/updated", self.shop.payload("orders", order)))
        return told

    def emit(self, command: JsonObject) -> Any:
        """Besides what every sandbox understands:

        {"do": "retry"}                   send again what failed and is due by the clock
        {"do": "retry", "at_once": true}  ... without waiting for that
        {"do": "log"}                     every delivery: topic, to, statuses, when it is due
        """
        match command:
            case {"do": "retry"}:
                return self.outbox.send(at_once=bool(command.get("at_once")))
            case {"do": "log"}:
                return [delivery.shown() for delivery in self.outbox.deliveries]
            case _:
                return super().emit(command)

    def _tell(self) -> None:
        """Tell the subscribers what happened, under one Event-Id; nobody waits for their answers."""
        events, self.shop.events = self.shop.events, []
        if not events or not self.outbox.subscriptions:
            return
        event_id = self._uuid()
        for event in events:
            self.outbox.put(event.topic, partial(self._hook, event, event_id))
        threading.Thread(target=self.outbox.send, daemon=True).start()

    def _hook(self, event: Event, event_id: str, *, secret: str = "") -> SentHook:
        body = orjson.dumps(event.payload)
        key = (secret or self.secrets[0]).encode()
        signature = base64.b64encode(hmac.digest(key, body, hashlib.sha256)).decode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Shopify-Captain-Hook",
            "X-Shopify-Topic": event.topic,
            "X-Shopify-Shop-Domain": self.domain,
            "X-Shopify-API-Version": VERSIONS[-1],
            "X-Shopify-Webhook-Id": self._uuid(),
            "X-Shopify-Event-Id": event_id,
            "X-Shopify-Triggered-At": instant(self.clock.now()),
            "X-Shopify-Hmac-SHA256": signature,
        }
        return SentHook(tuple(headers.items()), body)

    def _uuid(self) -> str:
        return str(UUID(int=self._chance.getrandbits(128), version=4))
