"""What a pull owes: every change, in order, once, from any point on, and no more than is asked."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import orjson
import pytest

from hub.errors import CursorLost, SyncError
from hub.spoke import Change, JsonObject, Pulls
from hub.testing.conformance.reasons import needs, not_applicable
from hub.testing.replay import ELSEWHERE, Replay, misled
from hub.testing.stage import Stage, Subject, changes, close, pulls
from hub.testing.wire import BadCommand

MANY_TIES, TIES = 2_500, 120
LARGE, SMALL = 250, 20
LATE = timedelta(minutes=2)


class Pulling:
    def test_replays_the_recorded_pull(self, subject: Subject) -> None:
        """From the vendor's recorded replies come the recorded ids, in order, as JSON data."""
        _needs_pull(subject)
        for name, recorded in subject.example.pull.items():
            replay = Replay(recorded.exchanges, subject.example.sends)
            spoke = subject.build(replay.transport())
            pages = list(pulls(spoke).pull(subject.stream(name), None))
            close(spoke)
            told = changes(subject, name, pages)
            assert replay.faults == []
            assert [change.id for change in told] == recorded.ids
            assert {change.stream for change in told} <= {name}
            assert orjson.dumps([change.data for change in told])

    def test_follows_no_link_to_another_host(self, subject: Subject) -> None:
        """A next link that leads elsewhere is refused, and no request goes there."""
        _needs_pull(subject)
        traps = {
            name: misled(recorded.exchanges) for name, recorded in subject.example.pull.items()
        }
        if not any(traps.values()):
            not_applicable(f"{subject} follows no links")
        for name, exchanges in traps.items():
            if exchanges:
                replay = Replay(exchanges)
                spoke = subject.build(replay.transport())
                with suppress(SyncError):
                    list(pulls(spoke).pull(subject.stream(name), None))
                    # Whoever asks for all there is without them only records links to itself.
                    left = ", ".join(replay.unasked)
                    assert not left, f"{name}: ends without an error, and without asking for {left}"
                close(spoke)
                assert not [r for r in replay.seen if str(r.url).startswith(ELSEWHERE)]

    @needs(Pulls)
    def test_pulls_every_change_once(self, stage: Stage) -> None:
        """One pull, from the beginning or a cursor, brings each record exactly once."""
        for name in _pulled(stage):
            first = stage.create_spread(name, 7)
            pages = stage.pull(name)
            _once(name, first, stage.changes(name, pages))
            stage.sandbox.clock.advance(timedelta(hours=1))
            stage.sandbox.page_size = 3
            later = stage.create_spread(name, 7)
            _once(name, later, stage.changes(name, stage.pull(name, pages[-1].cursor)))
            stage.sandbox.page_size = None

    @needs(Pulls)
    def test_pulls_oldest_first(self, stage: Stage) -> None:
        """Changes come oldest first, and their versions sort the same way as text."""
        for name in _gone_on_with(stage):
            cursor = stage.begin(name, page_size=2)
            start = stage.now() - timedelta(minutes=50)
            after = (9 * 60, 0, 10 * 60, 61, 1, 30 * 60, 59)  # seconds, not in order
            ages = {stage.create(name, at=start + timedelta(seconds=s)): s for s in after}
            told = [c for c in stage.changes(name, stage.pull(name, cursor)) if c.id in ages]
            order = [ages[change.id] for change in told]
            assert order == sorted(after), f"{name}: not oldest first"
            versions = [change.version for change in told]
            assert versions == sorted(versions), f"{name}: versions do not sort by age: {versions}"

    @needs(Pulls)
    def test_resumes_after_any_page(self, stage: Stage) -> None:
        """Whoever stops after a page resumes with its cursor, also after a restart, without loss."""
        for name in _pulled(stage):
            cursor = stage.begin(name, page_size=2)
            stage.create_spread(name, 7)
            pages = stage.pull(name, cursor)
            for done, page in enumerate(pages, start=1):
                rest = _ids(stage.changes(name, stage.pull(name, page.cursor)))
                missed = _ids(stage.changes(name, pages[done:])) - rest
                assert not missed, f"resuming after page {done} of {name} loses {missed}"
            later = stage.create(name)
            stage.settle()
            assert later in _ids(stage.changes(name, stage.pull(name, pages[-1].cursor)))

    @needs(Pulls)
    def test_pulls_what_changed_since_a_moment(self, stage: Stage) -> None:
        """Where they can be asked so: a pull since a moment brings all that is newer, and no more
        than a few minutes of what is older.
        """
        asked = 0
        for name in _pulled(stage):
            old = stage.create(name)
            stage.sandbox.clock.advance(timedelta(days=1))
            cursor = pulls(stage.spoke()).since(stage.subject.stream(name), stage.now())
            if cursor is None:
                continue
            asked += 1
            new = [stage.create(name) for _ in range(3)]
            stage.settle()
            told = _ids(stage.changes(name, stage.pull(name, cursor)))
            assert told >= set(new), f"{name}: what is newer than the moment is missing"
            assert old not in told, f"{name}: what is a day older than the moment is told"
        if not asked:
            not_applicable(f"{stage.subject} cannot be asked since a moment")

    @needs(Pulls)
    def test_fetches_no_page_before_it_is_wanted(self, stage: Stage) -> None:
        """A page is asked for when the one before it is stored: a stop costs no lost work."""
        for name in _pulled(stage):
            cursor = stage.begin(name, page_size=2)
            stage.create_spread(name, 12)
            stage.pull(name, cursor)  # signs in again, should an hour be too long for the token
            stage.sandbox.journal.clear()
            stage.pull(name, cursor, most=1)
            first = len(stage.sandbox.journal)
            stage.sandbox.journal.clear()
            pages = stage.pull(name, cursor)
            assert len(pages) >= 6, "the sandbox does not heed its page_size"
            whole = len(stage.sandbox.journal)
            assert first <= whole / 2, f"{name}: all pages are fetched at once"

    @needs(Pulls)
    def test_loses_no_tie(self, stage: Stage) -> None:
        """Thousands of records changed in one second all arrive, also when pages end among them."""
        for name in _pulled(stage):
            # Thousands of the first stream; of the others enough for several pages.
            ties, size = (MANY_TIES, LARGE) if name == _pulled(stage)[0] else (TIES, SMALL)
            cursor = stage.begin(name, page_size=size)
            at = stage.now() - timedelta(minutes=30)
            created = {stage.create(name, at=at) for _ in range(ties)}
            first = stage.pull(name, cursor, most=3)
            rest = stage.pull(name, first[-1].cursor)
            missed = created - _ids(stage.changes(name, [*first, *rest]))
            assert not missed, f"{name}: {len(missed)} of {ties} records of one second are lost"

    @needs(Pulls)
    def test_finds_a_row_committed_late(self, stage: Stage) -> None:
        """A record that becomes visible two minutes after its time stamp is found by a later pull."""
        for name in _pulled(stage):
            start = stage.begin(name)
            stamped = stage.now()
            late = stage.create(name, at=stamped, visible_at=stamped + LATE)
            stage.sandbox.clock.advance(timedelta(seconds=20))
            stage.create(name)
            stage.sandbox.clock.advance(timedelta(seconds=70))
            pages = stage.pull(name, start)
            assert late not in _ids(stage.changes(name, pages)), "the sandbox shows it too early"
            stage.sandbox.clock.advance(LATE)
            found = _ids(stage.changes(name, stage.pull(name, pages[-1].cursor)))
            assert late in found, f"{name}: a record committed late is never seen"

    @needs(Pulls)
    def test_keeps_up_with_updates_while_paging(self, stage: Stage) -> None:
        """Records that change during a pull, read already or not, end as they are now."""
        for name in _changing(stage):
            cursor = stage.begin(name, page_size=2)
            ids = stage.create_spread(name, 8)
            pages = stage.pages(name, cursor)
            seen = [next(pages)]
            stage.update(name, ids[0])
            stage.update(name, ids[-1])
            seen += pages
            stage.settle()
            seen += stage.pull(name, seen[-1].cursor)
            told = _newest(stage.changes(name, seen))
            true = _newest(stage.changes(name, stage.pull(name, cursor)))
            stale = [one for one in ids if told.get(one) != true[one]]
            assert not stale, f"{name}: these are not up to date: {stale}"

    @needs(Pulls)
    def test_goes_on_when_its_token_expires_between_pages(self, stage: Stage) -> None:
        """A token that is refused in the middle of a pull is renewed, and the pull goes on."""
        for name in _pulled(stage):
            cursor = stage.begin(name, page_size=2)
            created = stage.create_spread(name, 6)
            pages = stage.pages(name, cursor)
            seen = [next(pages)]
            stage.sandbox.mutate({"do": "expire_tokens"})
            seen += pages
            assert set(created) <= _ids(stage.changes(name, seen))

    @needs(Pulls)
    def test_a_listing_leaves_nothing_out(self, stage: Stage) -> None:
        """Where every pull lists everything, nothing is missing though others go meanwhile."""
        listed = [name for name in _pulled(stage) if stage.lists(name)]
        if not listed:
            not_applicable(f"{stage.subject} goes on from a cursor")
        for name in listed:
            stage.begin(name, page_size=2)
            created = stage.create_spread(name, 8)
            pages = stage.pages(name)
            seen = [next(pages)]
            gone = [one.id for one in stage.changes(name, seen)]
            with suppress(BadCommand):  # records of this stream cannot be deleted
                for one in gone:
                    stage.delete(name, one)
            seen += pages
            missed = set(created) - _ids(stage.changes(name, seen))
            assert not missed, f"{name}: {missed} are there, and count as gone"

    @needs(Pulls)
    def test_tells_of_deletions(self, stage: Stage) -> None:
        """Where pulls tell of deletions, a deleted record arrives with the data None."""
        for name in _buried(stage):
            start = stage.begin(name)
            gone = stage.create_spread(name, 2)[0]
            cursor = stage.pull(name, start)[-1].cursor
            stage.delete(name, gone)
            stage.settle()
            told = stage.changes(name, stage.pull(name, cursor))
            assert [c.data for c in told if c.id == gone][-1:] == [None], f"{name}: {gone} lives on"

    @needs(Pulls)
    def test_tells_of_what_comes_back(self, stage: Stage) -> None:
        """A record that is taken out of the vendor's bin again arrives again, with its data."""
        for name in _buried(stage):
            start = stage.begin(name)
            back = stage.create(name)
            stage.settle()
            stage.delete(name, back)
            stage.settle()
            cursor = stage.pull(name, start)[-1].cursor
            _asked(stage, {"do": "undelete", "stream": name, "id": back})
            stage.settle()
            told = [c for c in stage.changes(name, stage.pull(name, cursor)) if c.id == back]
            assert told, f"{name}: {back} stays deleted"
            assert told[-1].data is not None, f"{name}: {back} stays deleted"

    @needs(Pulls)
    def test_tells_of_a_merge(self, stage: Stage) -> None:
        """Of two records that are merged, one is deleted and the other is not."""
        for name in _buried(stage):
            start = stage.begin(name)
            lost, kept = stage.create(name), stage.create(name)
            stage.settle()
            cursor = stage.pull(name, start)[-1].cursor
            _asked(stage, {"do": "merge", "stream": name, "id": lost, "into": kept})
            stage.settle()
            told = {c.id: c.data for c in stage.changes(name, stage.pull(name, cursor))}
            assert told.get(lost, "never told of") is None, f"{name}: {lost} lives on"
            assert told.get(kept, "untouched") is not None, f"{name}: {kept} is gone with it"

    @needs(Pulls)
    def test_raises_cursor_lost_when_theirs_expires(self, stage: Stage) -> None:
        """A cursor that they no longer know raises CursorLost, and a new listing gives a good one."""
        for name in _gone_on_with(stage):
            stage.create(name)
            stage.settle()
            cursor = stage.pull(name)[-1].cursor
            _asked(stage, {"do": "expire_cursors"})
            with pytest.raises(CursorLost):
                stage.pull(name, cursor)
            stage.settle()
            stage.pull(name, stage.pull(name)[-1].cursor)

    @needs(Pulls)
    def test_raises_cursor_lost_for_a_cursor_that_nobody_made(self, stage: Stage) -> None:
        """A cursor that cannot be resumed raises CursorLost: everything is listed again."""
        for name in _gone_on_with(stage):
            with pytest.raises(CursorLost):
                stage.pull(name, "nobody made this cursor")


def _needs_pull(subject: Subject) -> None:
    if not subject.can(Pulls):
        not_applicable(f"{subject} does not pull")


def _pulled(stage: Stage) -> list[str]:
    return stage.subject.streams()


def _gone_on_with(stage: Stage) -> list[str]:
    """The streams whose pulls go on from a cursor; the others list everything every time."""
    named = [name for name in _pulled(stage) if not stage.lists(name)]
    if not named:
        not_applicable(f"{stage.subject} lists everything every time")
    return named


def _changing(stage: Stage) -> list[str]:
    changing = [name for name in _pulled(stage) if stage.subject.example.streams[name].update]
    if not changing:
        not_applicable(f"{stage.subject} has only records that never change")
    return changing


def _buried(stage: Stage) -> list[str]:
    """The streams whose pulls tell of deletions."""
    named = [n for n in _pulled(stage) if stage.subject.example.streams[n].tombstones]
    if not named:
        not_applicable(f"{stage.subject} does not tell of deletions in its pulls")
    return named


def _asked(stage: Stage, command: JsonObject) -> None:
    """Do what not every vendor has."""
    try:
        with stage.sandbox.lock:
            stage.sandbox.mutate(command)
    except BadCommand:
        not_applicable(f"the sandbox of {stage.subject} knows no {command['do']}")


def _once(name: str, created: list[str], told: list[Change]) -> None:
    ids = [change.id for change in told]
    assert len(ids) == len(set(ids)), f"{name}: records come twice"
    assert set(created) <= set(ids), f"{name}: records are missing"


def _ids(told: list[Change]) -> set[str]:
    return {change.id for change in told}


def _newest(told: list[Change]) -> dict[str, object]:
    """Of each record, what tells its states apart, as seen last."""
    return {change.id: change.version or change.data for change in told}
