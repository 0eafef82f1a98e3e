"""What a spoke that must ask for its webhooks owes: to ask once, in time, and again when they forget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from hub.spoke import Subscribes, Subscription
from hub.testing.conformance.reasons import needs, not_applicable, not_proven
from hub.testing.receiver import receiver
from hub.testing.stage import Stage, receives
from hub.testing.wire import BadCommand


class Subscribing:
    @needs(Subscribes)
    def test_subscribes_once_however_often_it_is_asked(self, stage: Stage) -> None:
        """Asked again with what it holds, a spoke keeps the subscriptions that have time left."""
        with _heard(stage) as url:
            first = _subscribe(stage, url, ())
            assert first, "there is no subscription afterwards"
            assert _ids(_subscribe(stage, url, first)) == _ids(first)
            told = stage.subject.example.webhook
            assert told, "example.yaml records no webhook"
            missing = set(told.told_of()) - {one.stream for one in first}
            assert not missing, f"nobody will tell of {sorted(missing)}"

    @needs(Subscribes)
    def test_renews_a_subscription_before_it_ends(self, stage: Stage) -> None:
        """Once half of its time is over, a subscription is made to last longer."""
        with _heard(stage) as url:
            held = _ending(_subscribe(stage, url, ()), stage)
            soonest = min(one.expires for one in held if one.expires)
            stage.sandbox.clock.advance((soonest - stage.now()) * 0.6)
            renewed = _subscribe(stage, url, held)
            assert {one.stream for one in renewed} == {one.stream for one in held}
            assert all(one.expires is None or one.expires > soonest for one in renewed)

    @needs(Subscribes)
    def test_subscribes_again_when_a_subscription_has_ended(self, stage: Stage) -> None:
        """A subscription that ran out is replaced by one that has not."""
        with _heard(stage) as url:
            held = _ending(_subscribe(stage, url, ()), stage)
            latest = max(one.expires for one in held if one.expires)
            stage.sandbox.clock.advance(latest - stage.now() + timedelta(hours=1))
            again = _subscribe(stage, url, held)
            assert {one.stream for one in again} == {one.stream for one in held}
            assert all(one.expires is None or one.expires > stage.now() for one in again)

    @needs(Subscribes)
    def test_subscribes_again_when_they_forget(self, stage: Stage) -> None:
        """A subscription that they removed is made anew, though the hub still holds its name."""
        with _heard(stage) as url:
            held = _subscribe(stage, url, ())
            try:
                stage.sandbox.mutate({"do": "forget_subscriptions"})
            except BadCommand:
                not_proven("the sandbox does not understand forget_subscriptions")
            again = _subscribe(stage, url, held)
            assert {one.stream for one in again} == {one.stream for one in held}
            assert not _ids(again) & _ids(held), "these do not exist any more"


@contextmanager
def _heard(stage: Stage) -> Iterator[str]:
    """An address of ours, which answers their handshakes as a hub does."""
    spoke = receives(stage.spoke())
    with receiver(spoke.handshake) as url:
        yield url


def _subscribe(stage: Stage, url: str, held: Sequence[Subscription]) -> Sequence[Subscription]:
    spoke = stage.spoke()
    assert isinstance(spoke, Subscribes)
    return stage.patiently(lambda: spoke.subscribe(url, stage.subject.spoke.streams, held))


def _ending(held: Sequence[Subscription], stage: Stage) -> Sequence[Subscription]:
    if not any(one.expires for one in held):
        not_applicable(f"the subscriptions of {stage.subject} have no end")
    return held


def _ids(held: Sequence[Subscription]) -> set[str]:
    return {one.id for one in held}
