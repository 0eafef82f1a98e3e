"""What a webhook tells: its event's name leads to a stream, and to a record, a deletion or a hint."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from hub.errors import Permanent
from hub.rest.language import Event, From, Stream, Webhooks
from hub.rest.paths import value_at
from hub.rest.records import change_of, id_of, version_of
from hub.rest.schemes import scheme_of
from hub.spoke import Change, Hint, Webhook


def parse(
    webhooks: Webhooks, streams: Mapping[str, Stream], hook: Webhook
) -> Iterator[Change | Hint]:
    """The changes of a genuine webhook; nothing for events that the file does not name.

    Raises `Permanent` for a known event that does not name its record.
    """
    body = hook.json()
    events = [body] if webhooks.each is None else value_at(body, webhooks.each)
    if not isinstance(events, list):
        raise Permanent(f"webhook: no list of events at {webhooks.each or 'the top'!r}")
    for told in events:
        name = _text(webhooks.event, hook, told)
        event = _named(webhooks.events, name)
        if event is not None:
            unsigned = webhooks.event is not None and webhooks.event.header is not None
            yield _told(event, streams[event.stream], told, name, unsigned=unsigned)


def delivery(webhooks: Webhooks, hook: Webhook) -> str:
    """What names a delivery, the same on every repetition; the body's digest where nothing does."""
    scheme = scheme_of(webhooks)
    where = webhooks.delivery
    if where is None and scheme.delivery:
        where = From.model_validate({scheme.delivery_in: scheme.delivery})
    if where is not None:
        try:
            name = _text(where, hook, hook.json() if where.body is not None else None)
        except Permanent:
            name = ""
        if name:
            return name
    return hashlib.sha256(hook.body).hexdigest()


def _text(where: From | None, hook: Webhook, body: Any) -> str:
    if where is None:
        return ""
    if where.header is not None:
        return hook.headers.get(where.header.lower(), "")
    value = value_at(body, where.body or "")
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _named(events: Mapping[str, Event], name: str) -> Event | None:
    """The event of this name; else of the longest beginning (`order.*`); else of any (`*`)."""
    if name in events:
        return events[name]
    wild = [known for known in events if known.endswith("*") and name.startswith(known[:-1])]
    return events[max(wild, key=len)] if wild else None


def _told(event: Event, stream: Stream, told: Any, name: str, *, unsigned: bool) -> Change | Hint:
    """One event. A name in a header is not signed: then a deletion is asked for, not believed."""
    place = f"webhook {name}".strip()
    if event.record is not None:
        return change_of(event.stream, stream, value_at(told, event.record))
    id = id_of(told, event.id, place)
    if event.gone and not (unsigned and stream.fetch):
        return Change(event.stream, id, None, version_of(told, event.version, place))
    return Hint(event.stream, id)
