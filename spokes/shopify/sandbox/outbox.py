"""The webhook sender: subscriptions, deliveries, and Shopify's schedule of retries.

pending ──2xx──▶ sent        8 retries within 4 hours, each gap twice the one before it
   │ ▲                       (https://shopify.dev/changelog, 2024-09-10); the payload and all
   │ └──anything else        headers stay the same, a redirect is a failure. When the last
   └──after 8 retries──▶ given up; its subscription is removed
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hub.testing import BadCommand, SentHook
from hub.testing.sender import post

RETRIES = tuple(timedelta(hours=4) / (2**8 - 1) * 2**n for n in range(8))


@dataclass(frozen=True, slots=True)
class Subscription:
    """Created through the Admin API by an app; `topic` as in webhook headers, or `*`."""

    id: int
    topic: str
    to: str


@dataclass(slots=True)
class Delivery:
    """One webhook on its way. `due` is None once it arrived or was given up."""

    hook: SentHook
    to: str
    due: datetime | None
    subscription: int
    statuses: list[int] = field(default_factory=list)

    def shown(self) -> dict[str, object]:
        topic = dict(self.hook.headers)["X-Shopify-Topic"]
        due = self.due.isoformat() if self.due else None
        return {"topic": topic, "to": self.to, "statuses": self.statuses, "due": due}


class Outbox:
    """What is still to be sent, by the shop's clock."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._sending = threading.Lock()
        self.subscriptions: dict[int, Subscription] = {}
        self.deliveries: list[Delivery] = []

    def subscribe(self, id: int, topic: str, to: str) -> Subscription:
        if not to.startswith("http://"):
            raise BadCommand(f"webhooks go to an http address on loopback, not {to!r}")
        self.subscriptions[id] = Subscription(id, topic, to)
        return self.subscriptions[id]

    def put(self, topic: str, hook: Callable[[], SentHook]) -> None:
        """Queue a webhook for every subscription to its topic; each has its own Webhook-Id."""
        for known in self.subscriptions.values():
            if known.topic in {topic, "*"}:
                self.deliveries.append(Delivery(hook(), known.to, self._now(), known.id))

    def send(self, *, at_once: bool = False) -> list[int]:
        """Attempt what is due, or whatever is still pending; → the statuses, 0 for no answer."""
        with self._sending:
            due = [d for d in self.deliveries if d.due and (at_once or d.due <= self._now())]
            return [self._attempt(delivery) for delivery in due]

    def _attempt(self, delivery: Delivery) -> int:
        status = post(delivery.to, delivery.hook.headers, delivery.hook.body)
        delivery.statuses.append(status)
        failures = len(delivery.statuses)
        if 200 <= status < 300:
            delivery.due = None
        elif failures <= len(RETRIES):
            delivery.due = self._now() + RETRIES[failures - 1]
        else:
            delivery.due = None
            self.subscriptions.pop(delivery.subscription, None)
        return status
