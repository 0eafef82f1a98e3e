"""What writing many at once owes: of each write what it would have come to alone."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Literal

import orjson
import pytest

from hub.abilities import WritesMany
from hub.errors import Conflict, SyncError, Transient
from hub.spoke import Fetches, Receipt, Stream, Write
from hub.testing.conformance.reasons import needs, not_applicable
from hub.testing.example import WriteExample
from hub.testing.faults import Fault
from hub.testing.stage import Stage, fetches, writes, writes_many
from hub.testing.stage import key as sys_id

A_FEW = 4
Outcome = Receipt | SyncError


class WritingMany:
    @needs(WritesMany)
    def test_writes_many_in_order(self, stage: Stage) -> None:
        """As many as one call takes, and one alone: each outcome stands where its write stood."""
        told = _told(stage)
        most = writes_many(stage.spoke()).at_once
        for size in (1, most):
            before = set(stage.ids(told.stream))
            made = [_creation(stage, f"key-{size}-{n}") for n in range(size)]
            ids = _ids(_written(stage, made))
            assert len(set(ids)) == size, f"of {size} creations {len(set(ids))} records came"
            assert set(stage.ids(told.stream)) - before == set(ids)
            _check_said(stage, dict(zip(ids, made, strict=True)))
            changed = [Write(id, stage.sample(told.update), f"later-{id}") for id in reversed(ids)]
            assert _ids(_written(stage, changed)) == ids[::-1]
            _check_said(stage, {str(write.id): write for write in changed})

    @needs(WritesMany)
    def test_one_that_fails_leaves_the_others(self, stage: Stage) -> None:
        """A write that is refused fails alone, as it would by itself; those beside it are done."""
        stream = _stream(stage)
        for number, bad in enumerate(_bad(stage)):
            with pytest.raises(SyncError) as alone:
                stage.patiently(lambda: writes(stage.spoke()).upsert(stream, bad))  # noqa: B023
            before = set(stage.ids(stream.name))
            good = [_creation(stage, f"good-{number}-{n}") for n in range(A_FEW)]
            first, failed, *others = _written(stage, [good[0], bad, *good[1:]])
            kind = type(alone.value)
            assert type(failed) is kind, f"{kind.__name__} alone, among others {failed!r}"
            made = set(_ids([first, *others]))
            assert set(stage.ids(stream.name)) - before == made

    @needs(WritesMany)
    def test_repeats_a_batch_without_a_second_record(self, stage: Stage) -> None:
        """Cut before or after any request, writes repeated under their keys make no second record."""
        stream = _stream(stage)
        _written(stage, _creations(stage, "key-0"))  # signs in
        stage.sandbox.journal.clear()
        first = _creations(stage, "key-1")
        ids = _ids(_written(stage, first))
        requests = len(stage.sandbox.journal)  # those within a batch too
        assert _ids(_written(stage, first)) == ids, "the same keys are the same records"
        cuts: tuple[Literal["before", "after"], ...] = ("before", "after")
        for cut, drop in [(cut, drop) for cut in range(requests) for drop in cuts]:
            before = set(stage.ids(stream.name))
            batch = _creations(stage, f"cut-{cut}-{drop}")
            stage.sandbox.faults.add(Fault(skip=cut, drop=drop))
            with suppress(Transient):  # what the engine repeats
                _written(stage, batch)
            stage.sandbox.faults.clear()
            ids = _ids(_written(stage, batch))
            new = set(stage.ids(stream.name)) - before
            assert new == set(ids), f"cut {drop} request {cut + 1}"

    @needs(WritesMany)
    def test_a_conflict_leaves_the_others(self, stage: Stage) -> None:
        """Where they can tell: of many, the one whose version is no longer theirs is a Conflict."""
        told, stream = _told(stage), _stream(stage)
        if not told.conflicts:
            not_applicable(f"{stage.subject} cannot make a write depend on the version")
        ids = _ids(_written(stage, _creations(stage, "key-1")))
        stage.settle()
        seen = {one.id: one.version for one in fetches(stage.spoke()).fetch(stream, ids)}
        stage.update(told.stream, ids[1])
        stage.settle()
        stale = [
            Write(id, stage.sample(told.update), f"later-{id}", version=seen[id]) for id in ids
        ]
        first, conflict, *others = _written(stage, stale)
        assert isinstance(conflict, Conflict), f"not a Conflict: {conflict!r}"
        assert _ids([first, *others]) == [ids[0], *ids[2:]]


def _told(stage: Stage) -> WriteExample:
    assert stage.subject.example.write, "example.yaml records no write"
    return stage.subject.example.write


def _stream(stage: Stage) -> Stream:
    return stage.subject.stream(_told(stage).stream)


def _creation(stage: Stage, key: str) -> Write:
    return Write(None, stage.sample(_told(stage).data), sys_id(key))


def _creations(stage: Stage, key: str) -> list[Write]:
    return [_creation(stage, f"{key}-{n}") for n in range(A_FEW)]


def _bad(stage: Stage) -> list[Write]:
    """Writes that fail: to a record that nobody has, and of what they refuse."""
    told = _told(stage)
    missing = stage.subject.example.streams[told.stream].missing
    assert missing, f"example.yaml: streams.{told.stream}.missing must name an id that nobody has"
    bad = [Write(missing, stage.sample(told.update), sys_id("bad-1"))]
    if told.refused:
        bad.append(Write(None, stage.sample(told.data | told.refused), sys_id("bad-2")))
    return bad


def _written(stage: Stage, batch: Sequence[Write]) -> list[Outcome]:
    stream = _stream(stage)
    outcomes = list(stage.patiently(lambda: writes_many(stage.spoke()).upsert_many(stream, batch)))
    assert len(outcomes) == len(batch), f"{len(outcomes)} outcomes for {len(batch)} writes"
    return outcomes


def _ids(outcomes: Sequence[Outcome]) -> list[str]:
    """The ids in receipts; raises the first that is none."""
    for outcome in outcomes:
        if isinstance(outcome, SyncError):
            raise outcome
    return [one.id for one in outcomes if isinstance(one, Receipt)]


def _check_said(stage: Stage, written: dict[str, Write]) -> None:
    """Each record says what its own write said, as far as a fetch shows."""
    if not stage.subject.can(Fetches):
        return
    ids, stream = list(written), _stream(stage)
    found = stage.patiently(lambda: list(fetches(stage.spoke()).fetch(stream, ids)))
    for one in found:
        arrived = orjson.dumps(one.data).decode()
        for name, text in _texts(written[one.id].data).items():
            assert text in arrived, f"{name} of {one.id} is not what its own write said"


def _texts(data: dict[str, Any]) -> dict[str, str]:
    return {
        name: orjson.dumps(value).decode()
        for name, value in data.items()
        if isinstance(value, str) and " " in value
    }
