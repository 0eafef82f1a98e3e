"""What counting owes: about as many as a pull would bring, without listing them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from hub.abilities import Counts
from hub.testing.conformance.reasons import needs, not_applicable
from hub.testing.stage import Stage, counts

CREATED, FEW_CALLS = 9, 3


class Counting:
    @needs(Counts)
    def test_counts_what_a_pull_brings(self, stage: Stage) -> None:
        """The records that are there are counted in a call or a few, with those deleted or without."""
        for name in _counted(stage):
            stage.create_spread(name, CREATED)
            stage.settle()
            stage.sandbox.page_size = 2
            stage.sandbox.journal.clear()
            counted = _count(stage, name, None)
            calls = len(stage.sandbox.journal)
            stage.sandbox.page_size = None
            assert counted is not None
            assert calls <= FEW_CALLS, f"{name}: {calls} calls to count {counted} records"
            told = {one.id: one.data for one in stage.changes(name, stage.pull(name))}
            there = sum(1 for data in told.values() if data is not None)
            assert there <= counted <= len(told), f"{name}: {counted} counted, {there} are there"

    @needs(Counts)
    def test_counts_what_changed_since_a_moment(self, stage: Stage) -> None:
        """Since a moment all are counted that changed after it, and none that are much older."""
        since = 0
        for name in _counted(stage):
            stage.create_spread(name, CREATED)
            stage.sandbox.clock.advance(timedelta(days=1))
            moment = stage.now()
            if _count(stage, name, moment) is None:
                continue
            since += 1
            before = _count(stage, name, moment)
            stage.settle()
            for _ in range(3):
                stage.create(name)
            stage.settle()
            assert (before, _count(stage, name, moment)) == (0, 3), f"{name}: 3 changed since then"
        if not since:
            not_applicable(f"{stage.subject} cannot count since a moment")


def _counted(stage: Stage) -> Iterator[str]:
    """The streams of which they say how many records there are."""
    named = [name for name in stage.subject.streams() if _count(stage, name, None) is not None]
    assert named, f"{stage.subject} can count, and says of no stream how many it has"
    yield from named


def _count(stage: Stage, name: str, since: datetime | None) -> int | None:
    stream = stage.subject.stream(name)
    return stage.patiently(lambda: counts(stage.spoke()).count(stream, since))
