"""What a webhook's reader owes: to believe only the vendor, and to read the same every time."""

from __future__ import annotations

from typing import Any

import pytest

from hub.spoke import Change, Forged, Hint, Lapsed, Receives, Webhook
from hub.testing.conformance.reasons import needs, not_applicable
from hub.testing.example import HookExample
from hub.testing.replay import Replay
from hub.testing.sender import SentHook
from hub.testing.stage import Stage, Subject, receives

TAMPERINGS = ("body", "signature", "doubled", "secret", "empty")


class Receiving:
    def test_accepts_the_recorded_webhook(self, subject: Subject) -> None:
        """A genuine webhook passes."""
        told = _hook(subject)
        receives(subject.build()).verify(told.hook())

    @pytest.mark.parametrize("tampering", TAMPERINGS)
    def test_refuses_a_forged_webhook(self, subject: Subject, tampering: str) -> None:
        """A changed body, a missing, empty or doubled signature and a foreign secret are refused."""
        told = _hook(subject)
        headers, body = dict(told.hook().headers), told.hook().body
        signature = told.signature.lower()
        settings: dict[str, Any] = {}
        match tampering:
            case "body":
                body += b" "
            case "signature":
                del headers[signature]
            case "doubled":
                headers[signature] = "\n".join([headers[signature]] * 2)
            case "empty":
                headers[signature] = ""
            case _:
                settings = {told.secret: "another secret"}
        with pytest.raises(Forged):
            receives(subject.build(**settings)).verify(Webhook(headers, body))

    def test_parses_what_it_was_told(self, subject: Subject) -> None:
        """The recorded webhook tells of the recorded records, and of no others."""
        told = _hook(subject)
        parsed = _told(receives(subject.build()), told.hook())
        assert [(p.stream, p.id) for p in parsed] == [(t.stream, t.id) for t in told.tells]

    def test_parsing_needs_nobody(self, subject: Subject) -> None:
        """Parsing sends nothing and gives the same answer every time."""
        told = _hook(subject)
        replay = Replay([])
        spoke = receives(subject.build(replay.transport()))
        assert list(spoke.parse(told.hook())) == list(spoke.parse(told.hook()))
        assert replay.seen == []

    def test_ignores_events_it_does_not_know(self, subject: Subject) -> None:
        """An event that means nothing to the spoke yields nothing and raises nothing."""
        told = _hook(subject)
        assert list(receives(subject.build()).parse(told.unknown())) == []

    @needs(Receives)
    def test_names_a_delivery_the_same_on_every_repetition(self, stage: Stage) -> None:
        """A repeated delivery has the same name; another event has another."""
        told = _hook(stage.subject)
        spoke = receives(stage.spoke())
        for name in told.told_of():
            new = stage.create(name)
            one, other = sent(stage, name, new), sent(stage, name, new)
            assert spoke.delivery(one) == receives(stage.spoke()).delivery(one)
            assert spoke.delivery(one) != spoke.delivery(other), "two events have one name"

    @needs(Receives)
    def test_accepts_both_secrets_while_they_rotate(self, stage: Stage) -> None:
        """While a secret is replaced, webhooks signed with the old and the new one both pass."""
        told = _hook(stage.subject)
        if not told.previous:
            not_applicable(f"{stage.subject} has no second webhook secret")
        settings = {told.secret: "the-newer-secret", told.previous: "the-older-secret"}
        spoke = receives(stage.spoke(**settings))
        name = told.told_of()[0]
        for secret in settings.values():
            spoke.verify(sent(stage, name, stage.create(name), secret=secret))

    @needs(Receives)
    def test_webhook_and_pull_name_records_alike(self, stage: Stage) -> None:
        """What a webhook tells of is found under that id, by the list of the vendor's own records."""
        told = _hook(stage.subject)
        spoke = receives(stage.spoke())
        for name in told.told_of():
            hook = sent(stage, name, stage.create(name))
            spoke.verify(hook)
            parsed = _told(spoke, hook)
            assert parsed, f"{name}: the webhook of a new record tells of nothing"
            for change in parsed:
                assert change.id in stage.ids(change.stream), f"{change.stream} has no {change.id}"
                if not isinstance(change, Hint):
                    assert change.data is not None, f"{change.stream} {change.id} is not deleted"


def _hook(subject: Subject) -> HookExample:
    if not subject.can(Receives):
        not_applicable(f"{subject} receives no webhooks")
    assert subject.example.webhook, "example.yaml records no webhook"
    return subject.example.webhook


def sent(stage: Stage, stream: str, id: str, **command: str) -> Webhook:
    """The webhook that the sandbox would send, as the hub would receive it."""
    with stage.sandbox.lock:
        hooks = stage.sandbox.webhooks({"stream": stream, "id": id, **command})
    assert hooks, f"the sandbox sends no webhook for {stream} {id}"
    return received(hooks[0])


def _told(spoke: Receives, hook: Webhook) -> list[Change | Hint]:
    """What a webhook says of records."""
    return [said for said in spoke.parse(hook) if not isinstance(said, Lapsed)]


def received(sent: SentHook) -> Webhook:
    """A webhook as the hub receives it: a header that comes twice is one of two lines."""
    headers: dict[str, str] = {}
    for name, value in sent.headers:
        known = headers.get(name.lower())
        headers[name.lower()] = value if known is None else f"{known}\n{value}"
    return Webhook(headers, sent.body)
