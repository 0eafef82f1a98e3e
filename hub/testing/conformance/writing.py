"""What a write owes: one record per key, whatever happens to the connection."""

from __future__ import annotations

from contextlib import suppress

import orjson
import pytest

from hub.errors import Conflict, NotFound, Transient
from hub.spoke import Fetches, Receipt, Write, Writes
from hub.testing.conformance.reasons import needs, not_applicable
from hub.testing.example import WriteExample
from hub.testing.faults import Fault
from hub.testing.replay import Replay
from hub.testing.stage import Stage, Subject, close, fetches, writes

ODD = """ "quoted" 'single' \\ <b>&amp; %00 {x} ; -- ß 漢字 🧰"""


class Writing:
    def test_replays_the_recorded_writes(self, subject: Subject) -> None:
        """The recorded creation, update and deletion are sent, and no other request."""
        told = _write(subject)
        replay = Replay(told.exchanges, subject.example.sends)
        spoke = subject.build(replay.transport())
        written, stream = writes(spoke), subject.stream(told.stream)
        created = written.upsert(stream, Write(None, told.data, key="key-1"))
        updated = written.upsert(stream, Write(told.id, told.update, key="key-2"))
        written.delete(stream, told.id)
        close(spoke)
        assert replay.faults == []
        assert (created.id, updated.id) == (told.id, told.id)
        assert replay.unasked == [], "a recorded request was never sent"

    @needs(Writes)
    def test_creates_updates_and_deletes(self, stage: Stage) -> None:
        """A created record exists, an update changes it and not its id, a deletion removes it."""
        told = _write(stage.subject)
        before = set(stage.ids(told.stream))
        created = _upsert(stage, None, "key-1")
        assert set(stage.ids(told.stream)) - before == {created.id}
        first = _data(stage, created.id)
        updated = _upsert(stage, created.id, "key-2")
        assert updated.id == created.id
        assert not first or _data(stage, created.id) != first, "the update changed nothing"
        _delete(stage, created.id)
        assert set(stage.ids(told.stream)) == before
        with suppress(NotFound):  # as good as a quiet answer: both count as done
            _delete(stage, created.id)

    @needs(Writes)
    def test_carries_any_text_unharmed(self, stage: Stage) -> None:
        """Quotes, tags, signs of a query and characters of four bytes arrive as they were sent."""
        told = _write(stage.subject)
        if not stage.subject.can(Fetches):
            not_applicable(f"{stage.subject} does not fetch")
        data = {name: value + ODD for name, value in stage.sample(told.data).items()
                if isinstance(told.data[name], str) and " {n}" in str(told.data[name])}  # fmt: skip
        if not data:
            not_applicable('nothing in write.data is free text (with a " {n}" in it)')
        id = _upsert(stage, None, "key-1", stage.sample(told.data) | data).id
        arrived = orjson.dumps(_data(stage, id)).decode()
        for name, text in data.items():
            assert orjson.dumps(text).decode() in arrived, f"{name} is not as it was sent"

    @needs(Writes)
    def test_repeats_a_write_without_a_second_record(self, stage: Stage) -> None:
        """A creation repeated under its key, also after a restart, makes one record."""
        told = _write(stage.subject)
        before = set(stage.ids(told.stream))
        data = stage.sample(told.data)
        ids = [_upsert(stage, None, "key-1", data).id for _ in range(2)]
        assert set(stage.ids(told.stream)) - before == set(ids)
        assert ids[0] == ids[1]
        assert _upsert(stage, None, "key-2").id not in ids, "another key is another record"

    @needs(Writes)
    def test_makes_one_record_though_the_connection_breaks(self, stage: Stage) -> None:
        """Cut after any request of a creation, a repetition under the same key makes no second."""
        told = _write(stage.subject)
        _upsert(stage, None, "key-0")  # signs in
        stage.sandbox.journal.clear()
        _upsert(stage, None, "key-1")
        for cut in range(len(stage.sandbox.journal)):
            before = set(stage.ids(told.stream))
            data, key = stage.sample(told.data), f"cut-{cut}"
            stage.sandbox.faults.add(Fault(skip=cut, drop="after"))
            with suppress(Transient):  # what the engine repeats
                _upsert(stage, None, key, data)
            stage.sandbox.faults.clear()
            written = _upsert(stage, None, key, data)
            assert set(stage.ids(told.stream)) - before == {written.id}, (
                f"cut after request {cut + 1}"
            )

    @needs(Writes)
    def test_overwrites_nothing_that_it_has_not_seen(self, stage: Stage) -> None:
        """Where they can tell, a write with a version that is no longer theirs raises Conflict."""
        told = _write(stage.subject)
        if not told.conflicts:
            not_applicable(f"{stage.subject} cannot make a write depend on the version")
        written = _upsert(stage, None, "key-1").id
        stream = stage.subject.stream(told.stream)
        version = next(iter(fetches(stage.spoke()).fetch(stream, [written]))).version
        stage.settle()
        stage.update(told.stream, written)
        stage.settle()
        stale = Write(written, stage.sample(told.update), key="key-2", version=version)
        with pytest.raises(Conflict):
            stage.patiently(lambda: writes(stage.spoke()).upsert(stream, stale))


def _write(subject: Subject) -> WriteExample:
    if not subject.can(Writes):
        not_applicable(f"{subject} does not write")
    assert subject.example.write, "example.yaml records no write"
    return subject.example.write


def _upsert(
    stage: Stage, id: str | None, key: str, data: dict[str, object] | None = None
) -> Receipt:
    told = _write(stage.subject)
    write = Write(id, data or stage.sample(told.update if id else told.data), key)
    stream = stage.subject.stream(told.stream)
    return stage.patiently(lambda: writes(stage.spoke()).upsert(stream, write))


def _delete(stage: Stage, id: str) -> None:
    stream = stage.subject.stream(_write(stage.subject).stream)
    stage.patiently(lambda: writes(stage.spoke()).delete(stream, id))


def _data(stage: Stage, id: str) -> object:
    """The record as the vendor has it; nothing from a spoke that cannot fetch."""
    if not stage.subject.can(Fetches):
        return None
    stream = stage.subject.stream(_write(stage.subject).stream)
    return stage.patiently(lambda: [c.data for c in fetches(stage.spoke()).fetch(stream, [id])])
