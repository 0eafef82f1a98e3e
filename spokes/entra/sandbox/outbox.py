"""Change notifications on their way: what happened at once for one address goes in one POST.

pending ──2xx within 3 s──▶ sent      again after 10, 20, 40 ... seconds, for up to 4 hours
   │ ▲                                by the sandbox's clock; the same bytes every time
   │ └──anything else
   └──after 4 hours──▶ given up
https://learn.microsoft.com/graph/change-notifications-delivery-webhooks
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from spokes.entra.sandbox.posting import post

TOO_SLOW = 3.0  # seconds
GIVES_UP = timedelta(hours=4)
FIRST = timedelta(seconds=10)

JsonObject = dict[str, Any]


@dataclass(slots=True)
class Delivery:
    """One POST. `due` is None once it arrived or was given up."""

    to: str
    body: bytes
    made: datetime
    due: datetime | None
    statuses: list[int] = field(default_factory=list[int])

    def shown(self) -> JsonObject:
        """Without the clientState that each item has."""
        items = [
            {name: value for name, value in item.items() if name != "clientState"}
            for item in orjson.loads(self.body)["value"]
        ]
        due = self.due.isoformat() if self.due else None
        return {"to": self.to, "statuses": self.statuses, "due": due, "value": items}


class Outbox:
    """What is still to be sent."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._sending = threading.Lock()
        self.deliveries: list[Delivery] = []

    def put(self, items: Iterable[tuple[str, JsonObject]]) -> None:
        """Notifications by the address that they go to, together for each."""
        together: dict[str, list[JsonObject]] = {}
        for to, item in items:
            together.setdefault(to, []).append(item)
        now = self._now()
        for to, those in together.items():
            self.deliveries.append(Delivery(to, body(those), now, now))

    def send(self, *, at_once: bool = False) -> list[int]:
        """Attempt what is due, or whatever is pending; → the statuses, 0 for none in time."""
        with self._sending:
            due = [
                one for one in self.deliveries if one.due and (at_once or one.due <= self._now())
            ]
            return [self._attempt(one) for one in due]

    def _attempt(self, one: Delivery) -> int:
        reply = post(one.to, one.body, timeout=TOO_SLOW)
        status = reply.status if reply.seconds <= TOO_SLOW else 0
        one.statuses.append(status)
        wait = FIRST * 2 ** (len(one.statuses) - 1)
        if 200 <= status < 300 or self._now() + wait > one.made + GIVES_UP:
            one.due = None
        else:
            one.due = self._now() + wait
        return status


def body(items: Iterable[JsonObject]) -> bytes:
    """A collection of notifications as it is posted."""
    return orjson.dumps({"value": list(items)})
