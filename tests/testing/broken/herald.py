"""Herald, another vendor that does not exist: Acme with subscriptions, and cursors that expire."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

import hub
from hub.testing import Answer, Request
from tests.testing.broken.acme import Acme
from tests.testing.broken.sandbox import STREAM, AcmeSandbox

LIFE = timedelta(days=3)


class Herald(Acme, hub.Subscribes):
    """Tells of changes for three days at a time, and forgets old cursors."""

    def translate(self, response: hub.Response) -> hub.SyncError | None:
        return hub.CursorLost("that is too long ago") if response.status_code == 410 else None

    def subscribe(
        self, url: str, streams: Sequence[hub.Stream], held: Sequence[hub.Subscription]
    ) -> Sequence[hub.Subscription]:
        del held  # they know better
        known = {one["stream"]: one for one in self.http.get("/subscriptions").json()}
        return [self._subscribed(url, stream.name, known.get(stream.name)) for stream in streams]

    def _subscribed(self, url: str, stream: str, known: dict[str, Any] | None) -> hub.Subscription:
        if known is None:
            known = self.http.post("/subscriptions", json={"stream": stream, "url": url}).json()
        elif _ends(known) - self._clock() < LIFE / 2:
            known = self.http.patch(f"/subscriptions/{known['id']}", json={}).json()
        return hub.Subscription(known["id"], stream, _ends(known))


class HeraldSandbox(AcmeSandbox):
    """Acme's, with `/subscriptions`."""

    name = "herald"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._subscriptions: list[dict[str, Any]] = []
        self._made = 0
        self._void_before = ""

    def answer(self, request: Request) -> Answer:
        if request.path.startswith("/subscriptions") and super().answer(request).status != 401:
            return self._subscribe(request)
        if "" < request.param("since") < self._void_before:
            return Answer(410, {}, {"error": "too long ago"})
        return super().answer(request)

    def _subscribe(self, request: Request) -> Answer:
        now = self.clock.now()
        self._subscriptions = [one for one in self._subscriptions if _ends(one) > now]
        match request.method, request.path.strip("/").split("/"):
            case "GET", [_]:
                return Answer(200, {}, self._subscriptions)
            case "POST", [_] if request.json()["stream"] == STREAM:
                self._made += 1
                known = {"id": f"s-{self._made}", "stream": STREAM}
                self._subscriptions.append(known)
            case "PATCH", [_, id]:
                [known] = [one for one in self._subscriptions if one["id"] == id]
            case _:
                return Answer(400, {}, {"error": "not a subscription"})
        known["ends"] = (now + LIFE).isoformat()
        return Answer(200, {}, known)

    def mutate(self, command: dict[str, Any]) -> Any:
        match command:
            case {"do": "forget_subscriptions"}:
                return self._subscriptions.clear()
            case {"do": "expire_cursors"}:
                self._void_before = self.clock.now().isoformat()
                return None
            case _:
                return super().mutate(command)


def _ends(known: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(known["ends"])


class ForgetsToRenew(Herald):
    """Leaves a subscription as it is for as long as it lasts."""

    breaks: ClassVar = {"renews_a_subscription_before_it_ends"}

    def _subscribed(self, url: str, stream: str, known: dict[str, Any] | None) -> hub.Subscription:
        if known is None:
            return super()._subscribed(url, stream, known)
        return hub.Subscription(known["id"], stream, _ends(known))


class SubscribesEveryTime(Herald):
    """Makes a new subscription beside the one that there is."""

    breaks: ClassVar = {"subscribes_once_however_often_it_is_asked"}

    def _subscribed(self, url: str, stream: str, known: dict[str, Any] | None) -> hub.Subscription:
        del known
        return super()._subscribed(url, stream, None)


class BelievesWhatItHolds(Herald):
    """Never asks whether its subscriptions still exist."""

    breaks: ClassVar = {"subscribes_again_when_they_forget"}

    def subscribe(
        self, url: str, streams: Sequence[hub.Stream], held: Sequence[hub.Subscription]
    ) -> Sequence[hub.Subscription]:
        alive = [one for one in held if one.expires and one.expires - self._clock() > LIFE / 2]
        return alive or super().subscribe(url, streams, held)


class LetsThemEnd(Herald):
    """Takes what it holds for what there is, even when its time is over."""

    breaks: ClassVar = {
        "renews_a_subscription_before_it_ends",
        "subscribes_again_when_a_subscription_has_ended",
        "subscribes_again_when_they_forget",
    }

    def subscribe(
        self, url: str, streams: Sequence[hub.Stream], held: Sequence[hub.Subscription]
    ) -> Sequence[hub.Subscription]:
        return held or super().subscribe(url, streams, held)


class TakesAnOldCursorForNoChange(Herald):
    """Thinks that nothing happened when they no longer know the cursor."""

    breaks: ClassVar = {"raises_cursor_lost_when_theirs_expires"}

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        try:
            yield from super().pull(stream, cursor)
        except hub.CursorLost as lost:
            if "too long ago" not in str(lost):
                raise


BROKEN: tuple[type[Herald], ...] = tuple(
    kind
    for kind in list(globals().values())
    if isinstance(kind, type) and issubclass(kind, Herald) and kind is not Herald
)
