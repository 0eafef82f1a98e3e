"""Subscriptions: what may be subscribed to, proof that the address is the app's own, and their end.

                  ┌────── PATCH, reauthorize ──────┐
POST ─ validate ─▶ active ── reauthorizationRequired ▶ challenged ── an hour ──▶ says nothing
                  └── expirationDateTime, DELETE, subscriptionRemoved ──▶ gone
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from hub.testing import Answer, Request
from spokes.entra.sandbox.aad import CLIENT_ID
from spokes.entra.sandbox.posting import is_address, post
from spokes.entra.sandbox.refusal import BAD, INVALID, JSON, NO_SUBSCRIPTION, VALIDATION, Refused

LONGEST = timedelta(minutes=41_760)
SHORTEST = timedelta(minutes=45)
PATIENCE = 10.0  # seconds for each answer to a validation
GRACE = timedelta(hours=1)
_STATE = 128
_KNOWN = frozenset(
    [
        "changeType",
        "clientState",
        "expirationDateTime",
        "lifecycleNotificationUrl",
        "notificationUrl",
        "resource",
        "latestSupportedTlsVersion",
    ]
)

JsonObject = dict[str, Any]


@dataclass(slots=True)
class Subscription:
    """`challenged` is when it was told to authorise itself again, None if it was not."""

    id: str
    resource: str
    changes: frozenset[str]
    url: str
    lifecycle_url: str
    state: str
    expires: datetime
    challenged: datetime | None = None

    def shown(self) -> JsonObject:
        """As Graph shows it: never with its clientState."""
        return {
            "id": self.id,
            "resource": self.resource,
            "applicationId": CLIENT_ID,
            "changeType": ",".join(sorted(self.changes, reverse=True)),
            "clientState": None,
            "notificationUrl": self.url,
            "lifecycleNotificationUrl": self.lifecycle_url or None,
            "expirationDateTime": text(self.expires),
            "creatorId": CLIENT_ID,
            "includeResourceData": False,
            "latestSupportedTlsVersion": "v1_2",
            "encryptionCertificate": None,
            "encryptionCertificateId": None,
            "notificationQueryOptions": None,
        }

    def hears(self, kind: str, change: str, now: datetime) -> bool:
        silenced = self.challenged is not None and now - self.challenged > GRACE
        return self.resource == kind and change in self.changes and not silenced


@dataclass(slots=True)
class Subscriptions:
    """Those of our app that are still alive."""

    held: dict[str, Subscription] = field(default_factory=dict[str, Subscription])

    def settle(self, now: datetime) -> None:
        """Drop what has expired."""
        self.held = {id: one for id, one in self.held.items() if one.expires > now}

    def listed(self, url: str, size: int, start: int) -> Answer:
        rows = [one.shown() for one in self.held.values()]
        body: JsonObject = {"@odata.context": f"{url}/v1.0/$metadata#subscriptions"}
        if len(rows) > start + size:
            body["@odata.nextLink"] = f"{url}/v1.0/subscriptions?$skiptoken={start + size}"
        return Answer(200, JSON, body | {"value": rows[start : start + size]})

    def of(self, id: str) -> Subscription:
        """Raises `Refused`."""
        if id not in self.held:
            raise Refused(404, NO_SUBSCRIPTION, f"The object '{id}' was not found.")
        return self.held[id]

    def create(self, id: str, body: Any, now: datetime) -> Subscription:
        """Check it, call both addresses, keep it. Raises `Refused`."""
        told = _object(body)
        if unknown := sorted(told.keys() - _KNOWN):
            raise Refused(400, BAD, f"The property '{unknown[0]}' does not exist on subscription.")
        resource = str(told.get("resource", "")).strip("/").lower()
        if resource not in {"users", "groups"}:
            raise Refused(400, INVALID, f"Resource '{told.get('resource')}' is not supported here.")
        changes = frozenset(str(told.get("changeType", "")).split(","))
        if not changes <= {"updated", "deleted"}:
            raise Refused(400, INVALID, f"changeType {told.get('changeType')!r} is not supported.")
        state = told.get("clientState") or ""
        if not isinstance(state, str) or len(state) > _STATE:
            raise Refused(400, INVALID, f"clientState is a text of at most {_STATE} characters.")
        expires = _expiry(told, now)
        urls = [told.get("notificationUrl"), told.get("lifecycleNotificationUrl") or ""]
        for number, url in enumerate(dict.fromkeys(url for url in urls if url)):
            _validate(
                str(url), f"Validation: Testing client application reachability: {id}-{number}"
            )
        if not urls[0]:
            raise Refused(400, INVALID, "notificationUrl is required.")
        made = Subscription(id, resource, changes, str(urls[0]), str(urls[1]), state, expires)
        self.held[id] = made
        return made

    def renew(self, id: str, body: Any, now: datetime) -> Subscription:
        """Until a later time, which authorises it again as well. Raises `Refused`."""
        one, told = self.of(id), _object(body)
        if told.keys() != {"expirationDateTime"}:
            raise Refused(400, BAD, "Only expirationDateTime of a subscription can be changed.")
        one.expires, one.challenged = _expiry(told, now), None
        return one

    def challenge(self, id: str, event: str, now: datetime) -> Subscription:
        """What a lifecycle event does to a subscription. Raises `Refused`."""
        one = self.of(id)
        if event == "reauthorizationRequired":
            one.challenged = one.challenged or now
        elif event == "subscriptionRemoved":
            del self.held[id]
        return one

    def hearing(self, kind: str, change: str, now: datetime) -> Iterator[Subscription]:
        yield from (one for one in self.held.values() if one.hears(kind, change, now))


def answer(
    subscriptions: Subscriptions, request: Request, rest: list[str], *, url: str, size: int,
    new_id: str, now: datetime,
) -> Answer:  # fmt: skip
    """Everything below /subscriptions; raises `Refused`."""
    match request.method, rest:
        case "GET", []:
            start = request.param("$skiptoken", "0")
            return subscriptions.listed(url, size, int(start) if start.isdigit() else 0)
        case "POST", []:
            made = subscriptions.create(new_id, _json(request), now)
            context = f"{url}/v1.0/$metadata#subscriptions/$entity"
            return Answer(
                201, JSON, {"@odata.context": context, **made.shown(), "clientState": made.state}
            )
        case "GET", [id]:
            return Answer(200, JSON, subscriptions.of(id).shown())
        case "PATCH", [id]:
            return Answer(200, JSON, subscriptions.renew(id, _json(request), now).shown())
        case "DELETE", [id]:
            del subscriptions.held[subscriptions.of(id).id]
            return Answer(204)
        case "POST", [id, "reauthorize"]:
            subscriptions.of(id).challenged = None
            return Answer(204)
        case _:
            raise Refused(405, BAD, "The HTTP method is not supported for this resource.")


def text(at: datetime) -> str:
    """Seven digits of a second, as .NET writes them."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


def _validate(url: str, token: str) -> None:
    """Ask an address to repeat a token; raises `Refused` unless it does, in time and as text."""
    if not is_address(url):
        raise Refused(400, INVALID, f"The notification address is not valid: {url[:100]}")
    joint = "&" if "?" in url else "?"
    asked = f"{url}{joint}validationToken={quote(token)}"
    reply = post(asked, b"", timeout=PATIENCE, kind="text/plain; charset=utf-8")
    if not reply.status:
        raise Refused(400, VALIDATION, "Subscription validation request timed out.")
    kind = reply.type.partition(";")[0].strip().lower()
    if (reply.status, kind, reply.text) != (200, "text/plain", token):
        said = (
            f"Subscription validation request failed. HTTP status code is '{reply.status}'. "
            "Notification endpoint must respond with 200 OK to validation request."
        )
        raise Refused(400, VALIDATION, said)


def _expiry(told: Mapping[str, Any], now: datetime) -> datetime:
    try:
        at = datetime.fromisoformat(str(told.get("expirationDateTime")))
    except ValueError:
        at = datetime.min  # noqa: DTZ901 -- it has no offset, like all that is refused
    if at.tzinfo is None:
        raise Refused(400, INVALID, "expirationDateTime is required, with an offset.")
    if not now < at <= now + LONGEST:
        minutes = int(LONGEST.total_seconds() // 60)
        said = f"Subscription expiration can only be {minutes} minutes in the future."
        raise Refused(400, INVALID, said)
    return max(at, now + SHORTEST)


def _json(request: Request) -> Any:
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise Refused(415, BAD, "Write requests must contain the Content-Type header.")
    return request.json()


def _object(body: Any) -> JsonObject:
    if not isinstance(body, dict):
        raise Refused(400, BAD, "Empty Payload. JSON content expected.")
    return body
