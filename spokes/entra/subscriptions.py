"""Subscriptions: one for each stream, renewed at half of its life, and none left over.

Graph lists what the app has subscribed to, which finds what was created before a crash. It does
not show a subscription's clientState: the address bears a mark of it, so that one which was
created under an older secret is replaced.
https://learn.microsoft.com/graph/api/resources/subscription
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import hub
from spokes.entra.graph import VERSION

LONGEST = timedelta(minutes=41_760)
"""How long a subscription to users or groups may last."""
CHANGES = "updated,deleted"  # a creation comes as an update

_PATH = f"{VERSION}/subscriptions"
_SKEW = timedelta(minutes=5)  # between their clock and ours: one minute too long is refused


@dataclass(frozen=True, slots=True)
class Terms:
    """How the hub subscribes. `url` is where it listens, `now` its clock."""

    url: str
    state: hub.Secret
    life: timedelta
    now: datetime

    @property
    def address(self) -> str:
        """`url`, marked with what tells one clientState from another and nothing else of it."""
        mark = hashlib.sha256(b"entra " + self.state.get_secret_value().encode()).hexdigest()[:8]
        return f"{self.url}?state={mark}"

    @property
    def until(self) -> str:
        at = (self.now + self.life - _SKEW).astimezone(UTC)
        return at.strftime("%Y-%m-%dT%H:%M:%SZ")

    def serves(self, listed: hub.JsonObject, stream: str) -> bool:
        """Whether this is a subscription as we would create it now."""
        return (
            str(listed.get("resource")).strip("/").lower() == stream
            and set(str(listed.get("changeType")).split(",")) == set(CHANGES.split(","))
            and listed.get("notificationUrl") == self.address
            and listed.get("lifecycleNotificationUrl") == self.address
            and _expires(listed) > self.now
        )

    def is_due(self, listed: hub.JsonObject) -> bool:
        return _expires(listed) - self.now < self.life / 2

    def is_at_ours(self, listed: hub.JsonObject) -> bool:
        """Whether it sends to this hub, under whichever secret."""
        return str(listed.get("notificationUrl")).partition("?")[0] == self.url


def see_to(
    http: hub.Client,
    terms: Terms,
    streams: Sequence[hub.Stream],
    held: Sequence[hub.Subscription],
) -> list[hub.Subscription]:
    """Renew, create, and only then delete what is superseded, so that nothing goes untold."""
    listed = list(_listed(http))
    now_held = [_ensured(http, terms, stream.name, listed) for stream in streams]
    kept, known = {one.id for one in now_held}, {one.id for one in held}
    for one in listed:
        if one["id"] not in kept and (one["id"] in known or terms.is_at_ours(one)):
            with suppress(hub.NotFound):  # it has expired meanwhile
                http.delete(f"{_PATH}/{one['id']}")
    return now_held


def _ensured(
    http: hub.Client, terms: Terms, stream: str, listed: Sequence[hub.JsonObject]
) -> hub.Subscription:
    there = [one for one in listed if terms.serves(one, stream)]
    if there:
        with suppress(hub.NotFound):  # removed since it was listed
            return _kept(http, terms, stream, max(there, key=_expires))
    body = {
        "changeType": CHANGES,
        "resource": stream,
        "notificationUrl": terms.address,
        "lifecycleNotificationUrl": terms.address,  # cannot be added later
        "expirationDateTime": terms.until,
        "clientState": terms.state.get_secret_value(),
    }
    return _told(stream, http.post(_PATH, json=body).json())


def _kept(http: hub.Client, terms: Terms, stream: str, one: hub.JsonObject) -> hub.Subscription:
    """Renewed if it is due, which also authorises it again; else only that.

    They ask for the latter by a lifecycle notice, and stop sending if nobody does it. Which
    notice brought us here is not known; doing it unasked changes nothing.
    """
    path = f"{_PATH}/{one['id']}"
    if terms.is_due(one):
        renewed = http.patch(path, json={"expirationDateTime": terms.until})
        return _told(stream, renewed.json())
    http.post(f"{path}/reauthorize")
    return _told(stream, one)


def _listed(http: hub.Client) -> Iterator[hub.JsonObject]:
    link = _PATH
    while link:
        answer = http.get(link).json()
        yield from answer["value"]
        link = answer.get("@odata.nextLink") or ""


def _told(stream: str, told: hub.JsonObject) -> hub.Subscription:
    return hub.Subscription(str(told["id"]), stream, _expires(told))


def _expires(listed: hub.JsonObject) -> datetime:
    return datetime.fromisoformat(str(listed["expirationDateTime"]))
