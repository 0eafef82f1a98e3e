"""Everything that a spoke can be asked to do over the network, by name, for rules about failure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import islice

from pydantic import SecretStr

from hub.abilities import Attaches, Counts, Recalls, WritesMany
from hub.errors import SyncError
from hub.http import MemoryTokens, Token, Transport
from hub.spoke import Fetches, Pulls, Receipt, Spoke, Write, Writes
from hub.testing.example import numbered
from hub.testing.made_up import MadeUp
from hub.testing.stage import MANY, Subject, fetches, writes
from hub.testing.stage import key as sys_id

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
    if isinstance(spoke, Pulls):
        stream = subject.stream(subject.streams()[0])
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
        if isinstance(spoke, WritesMany):
            asked["upsert_many"] = lambda: _first(
                spoke.upsert_many(stream_written, [Write(None, data, key="key-1")])
            )
    return asked | _asked_beside(subject, spoke)


def _asked_beside(subject: Subject, spoke: Spoke) -> dict[str, Operation]:
    """What few spokes can do."""
    asked: dict[str, Operation] = {}
    example = subject.example
    if isinstance(spoke, Attaches) and (told := example.attach):
        files, missing = subject.stream(told.stream), example.streams[told.stream].missing
        sent, file = Write(None, numbered(told.data, 1), sys_id("key-1")), MadeUp(1_000)
        asked["open"] = lambda: list(spoke.open(files, missing))
        asked["attach"] = lambda: spoke.attach(files, sent, file.content)
    if isinstance(spoke, Recalls) and (looked := example.recall):
        keyless = subject.stream(looked.stream)
        lost = Write(None, numbered(looked.data, 1), sys_id("key-1"))
        asked["recall"] = lambda: spoke.recall(keyless, lost)
    if isinstance(spoke, Counts):
        first = subject.stream(subject.streams()[0])
        asked["count"] = lambda: _known(spoke.count(first, None))
    return asked


def _first(outcomes: Sequence[Receipt | SyncError]) -> Receipt:
    """What the first write came to, as if it had gone alone."""
    if isinstance(outcomes[0], SyncError):
        raise outcomes[0]
    return outcomes[0]


def _known(counted: int | None) -> int:
    """A number; that they do not say is no number, and no error of ours either."""
    if counted is None:
        raise LookupError("they do not say how many there are")
    return counted


def _signed_in(subject: Subject, transport: Transport) -> Spoke:
    """With a token in store: what fails shall be the operation, not the signing in."""
    spoke = subject.build(transport)
    token = Token(
        access=SecretStr("a-stored-access-token"),
        issued_at=datetime.now(UTC),
        instance_url=spoke.url,
    )
    return spoke.using(tokens=MemoryTokens(token))
