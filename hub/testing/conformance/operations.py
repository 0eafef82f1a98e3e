"""Everything that a spoke can be asked to do over the network, by name, for rules about failure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice

from pydantic import SecretStr

from hub.http import MemoryTokens, Token, Transport
from hub.spoke import Fetches, Pulls, Spoke, Write, Writes
from hub.testing.example import numbered
from hub.testing.stage import MANY, Subject, fetches, writes

Operation = Callable[[], object]


def operations(subject: Subject, transport: Transport) -> list[tuple[str, Operation]]:
    """The operations, signed in already, of a spoke that reaches only `transport`."""
    return [
        (name, lambda name=name: asked_of(subject, _signed_in(subject, transport))[name]())  # type: ignore[misc]
        for name in asked_of(subject, subject.build(transport))
    ]


def asked_of(subject: Subject, spoke: Spoke) -> dict[str, Operation]:
    """The operations of one spoke object."""
    asked: dict[str, Operation] = {}
    example = subject.example
    if isinstance(spoke, Pulls) and subject.pulled():
        stream = subject.stream(subject.pulled()[0])
        asked["pull"] = lambda: list(islice(spoke.pull(stream, None), MANY))
    if isinstance(spoke, Fetches) and example.fetch:
        name, told = next(iter(example.fetch.items()))
        asked["fetch"] = lambda: list(fetches(spoke).fetch(subject.stream(name), told.ids))
    if isinstance(spoke, Writes) and example.write:
        written = example.write
        stream_written = subject.stream(written.stream)
        data = numbered(written.data, 1)
        asked["upsert"] = lambda: writes(spoke).upsert(
            stream_written, Write(None, data, key="key-1")
        )
        asked["delete"] = lambda: writes(spoke).delete(stream_written, written.id)
    return asked


def _signed_in(subject: Subject, transport: Transport) -> Spoke:
    """With a token in store: what fails shall be the operation, not the signing in."""
    spoke = subject.build(transport)
    token = Token(
        access=SecretStr("a-stored-access-token"),
        issued_at=datetime.now(UTC),
        instance_url=spoke.url,
    )
    return spoke.using(tokens=MemoryTokens(token))
