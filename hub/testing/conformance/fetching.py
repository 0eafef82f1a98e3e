"""What a fetch owes: an answer for every id, the same as a pull gives, and None for what is gone."""

from __future__ import annotations

from contextlib import suppress

from hub.errors import SyncError
from hub.spoke import Change, Fetches, Pulls
from hub.testing.conformance.reasons import needs, not_applicable
from hub.testing.faults import Fault
from hub.testing.replay import Replay
from hub.testing.stage import Stage, Subject, close, fetches
from hub.testing.wire import BadCommand

MANY_IDS = 120
"""More than most vendors take in one request."""


class Fetching:
    def test_replays_the_recorded_fetch(self, subject: Subject) -> None:
        """From the vendor's recorded replies comes one change per id, with None for those gone."""
        _needs_fetch(subject)
        for name, recorded in subject.example.fetch.items():
            replay = Replay(recorded.exchanges, subject.example.sends)
            spoke = subject.build(replay.transport())
            told = list(fetches(spoke).fetch(subject.stream(name), recorded.ids))
            close(spoke)
            assert replay.faults == []
            assert sorted(change.id for change in told) == sorted(recorded.ids)
            assert sorted(c.id for c in told if c.data is None) == sorted(recorded.gone)

    @needs(Fetches)
    def test_fetches_every_id_however_many(self, stage: Stage) -> None:
        """Each of many ids is answered exactly once."""
        for name in _fetched(stage):
            ids = [stage.create(name) for _ in range(MANY_IDS)]
            told = _fetch(stage, name, ids)
            assert sorted(change.id for change in told) == sorted(ids)
            assert all(change.data is not None and change.stream == name for change in told)

    @needs(Fetches)
    def test_takes_no_half_answer_for_a_whole_one(self, stage: Stage) -> None:
        """When one request of a fetch fails, the fetch does, or it answers every id all the same."""
        for name in _fetched(stage):
            ids = [stage.create(name) for _ in range(MANY_IDS)]
            _fetch(stage, name, ids)
            stage.sandbox.journal.clear()
            _fetch(stage, name, ids)
            for sent in {0, len(stage.sandbox.journal) - 1}:
                stage.sandbox.faults.add(Fault(skip=sent, status=500, body="one part failed"))
                with suppress(SyncError):
                    told = {change.id for change in _fetch(stage, name, ids) if change.data}
                    assert told == set(ids), f"{name}: what was not answered is left out"
                stage.sandbox.faults.clear()

    @needs(Fetches)
    def test_fetches_what_is_gone_as_none(self, stage: Stage) -> None:
        """A record that was deleted, or never was, comes with the data None, and hides no other."""
        for name in _fetched(stage):
            kept, gone = stage.create(name), _gone(stage, name)
            told = {change.id: change.data for change in _fetch(stage, name, [*gone, kept])}
            assert [one for one in gone if told.get(one, "absent") is not None] == []
            assert told[kept] is not None

    @needs(Fetches)
    def test_fetch_and_pull_agree(self, stage: Stage) -> None:
        """The version of a fetched record is the one that a pull gives it."""
        if not stage.subject.can(Pulls):
            not_applicable(f"{stage.subject} does not pull")
        for name in _fetched(stage):
            ids = stage.create_spread(name, 3)
            pulled = {c.id: c.version for c in stage.changes(name, stage.pull(name))}
            fetched = {c.id: c.version for c in _fetch(stage, name, ids)}
            assert fetched == {one: pulled[one] for one in ids}


def _needs_fetch(subject: Subject) -> None:
    if not subject.can(Fetches):
        not_applicable(f"{subject} does not fetch")


def _fetched(stage: Stage) -> list[str]:
    return list(stage.subject.example.fetch)


def _fetch(stage: Stage, name: str, ids: list[str]) -> list[Change]:
    stream = stage.subject.stream(name)
    return stage.patiently(lambda: list(fetches(stage.spoke()).fetch(stream, ids)))


def _gone(stage: Stage, name: str) -> list[str]:
    """Ids that nobody has (any more)."""
    missing = stage.subject.example.streams[name].missing
    gone = [missing] if missing else []
    try:
        gone.append(stage.delete(name, stage.create(name)))
    except BadCommand:  # records of this stream cannot be deleted
        assert missing, f"example.yaml: streams.{name}.missing must name an id that nobody has"
    return gone
