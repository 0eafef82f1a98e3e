"""What a spoke owes to a whole hub: that both sides end with the same, whatever went wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from hub.spoke import Forged, Pulls, Receives, Webhook, Writes
from hub.testing.conformance.reasons import needs, not_applicable, not_proven
from hub.testing.conformance.receiving import sent
from hub.testing.journal import Entry
from hub.testing.mishaps import mishaps
from hub.testing.stage import Stage
from hub.testing.together import Outlet, Together, loaded, together
from hub.testing.wire import BadCommand

SEED, MOST_POLLS = 2026, 30
A_MINUTE = timedelta(minutes=1)


class Keeping:
    def test_ends_with_the_same_records(self, stage: Stage, tmp_path: Path) -> None:
        """After mishaps of every kind, a hub holds what one holds that met none: all of theirs."""
        with _hub(stage, tmp_path) as hub:
            users = _Users(stage, hub)
            hub.settle()
            before = hub.memory()
            for n, fault in enumerate(mishaps(SEED)):
                users.work(n)
                stage.sandbox.faults.add(fault)
                if n % 3 == 2:
                    stage.sandbox.mutate({"do": "expire_tokens"})
                hub.poll()
                hub.rest()
                stage.settle()
            _use_up_faults(stage, hub)
            hub.settle()
            unsaid = {name for name in users.unsaid if not hub.lists(name)}
            hub.list_all(unsaid)
            _same(stage, hub, tmp_path, before, unsaid)

    @needs(Writes)
    def test_writes_nothing_twice(self, stage: Stage, tmp_path: Path) -> None:
        """What is changed or created in the hub is written there once, and never for its echo."""
        with _hub(stage, tmp_path) as hub:
            outlet = _outlet(hub)
            texts, created = _write_amid(stage, hub, outlet)
            entries = list(stage.sandbox.journal)
            twice = [text for text in texts if len(_written(entries, text)) > 1]
            assert twice == [], "these were written again though nothing was lost"
            there = len(stage.ids(outlet.stream))
            assert there <= created, f"records were created twice: {there} in place of {created}"
            assert there == created, (
                f"of {created} records only {there} are there; given up: {hub.given_up()}"
            )
            stage.sandbox.journal.clear()
            hub.settle()
            hub.list_all([outlet.stream])
            echoes = [t for t in texts if _written(list(stage.sandbox.journal), t)]
            assert echoes == [], "what they tell of our own writes is written to them again"
            _same(stage, hub, tmp_path)

    @needs(Receives)
    def test_webhooks_may_come_twice_late_and_in_any_order(
        self, stage: Stage, tmp_path: Path
    ) -> None:
        """Webhooks doubled, late or reversed leave a record as it is; forged ones leave no trace."""
        told = stage.subject.example.webhook
        assert told, "example.yaml records no webhook"
        with _hub(stage, tmp_path) as hub:
            names = [name for name in told.told_of() if name in hub.connection.mappings]
            if not names:
                not_proven("no stream that webhooks tell of has a mapping")
            hub.settle()
            before = hub.memory()
            for name in names:
                _hear(stage, hub, name)
            heard = hub.held(references=False)
            hub.settle()
            known = hub.held(references=False)
            late = {
                held: (told, known[held]) for held, told in heard.items() if known[held] != told
            }
            assert late == {}, "(what the last webhooks left, what they have)"
            _same(stage, hub, tmp_path, before)


class _Users:
    """People at work in the vendor's screens."""

    def __init__(self, stage: Stage, hub: Together) -> None:
        self._stage, self._hub = stage, hub
        self._made: dict[str, list[str]] = {name: [] for name in hub.streams}
        self.unsaid: set[str] = set()
        """The streams in which something was deleted that only a complete listing tells of."""

    def work(self, n: int) -> None:
        """A record more in every stream, the first of them changed, and now and then one deleted."""
        for name, made in self._made.items():
            made.append(self._stage.create(name))
            if self._stage.subject.example.streams[name].update:
                self._stage.update(name, made[0])
            if n % 3 == 1:
                self._delete(name, made)

    def _delete(self, name: str, made: list[str]) -> None:
        """Delete the newest record, where anybody would ever know."""
        told = self._stage.subject.example.streams[name].tombstones
        if not told and not self._stage.subject.stream(name).complete:
            return
        try:
            self._stage.delete(name, made[-1])
        except BadCommand:
            return  # records of this stream cannot be deleted
        made.pop()
        if not told:
            self.unsaid.add(name)


def _use_up_faults(stage: Stage, hub: Together) -> None:
    """Poll until everything that was to go wrong has."""
    for _ in range(MOST_POLLS):
        if not stage.sandbox.faults.shown():
            return
        hub.poll()
        hub.rest()
        stage.settle()
    stage.sandbox.faults.clear()  # of a stream that is never asked anything


def _write_amid(stage: Stage, hub: Together, outlet: Outlet) -> tuple[list[str], int]:
    """Change and create records while things go wrong; the texts, and how many records there are."""
    theirs = [stage.create(outlet.stream) for _ in range(2)]
    hub.settle()
    linked = hub.linked(outlet)
    assert linked.keys() >= set(theirs), "a poll does not bring what was created there"
    count = len(stage.ids(outlet.stream))
    texts = []
    for n, fault in enumerate(mishaps(SEED)):
        text = f"Written by the hub {n:02}"
        stage.sandbox.faults.add(fault)
        if outlet.mapping.stamp and n % 2:
            hub.create(outlet, linked[theirs[0]], text)
            count += 1
        else:
            hub.change(outlet, linked[theirs[n // 2 % 2]]["sys_id"], text)
        hub.work()
        stage.sandbox.faults.clear()
        hub.rest()
        stage.settle()
        hub.poll()
        texts.append(text)
    hub.settle()
    return texts, count


def _written(entries: list[Entry], text: str) -> list[Entry]:
    """The requests with this text that they carried out, and whose answer arrived."""
    return [
        entry
        for entry in entries
        if text.encode() in entry.body and entry.status is not None and entry.status < 300
        and not _was_spoilt(entry)
    ]  # fmt: skip


def _was_spoilt(entry: Entry) -> bool:
    return entry.fault != "" and "truncate=None" not in entry.fault


def _hear(stage: Stage, hub: Together, name: str) -> None:
    """All within the few minutes for which a signature with a time in it is good."""
    new = stage.create(name)
    hooks = [sent(stage, name, new)]
    if stage.subject.example.streams[name].update:
        stage.sandbox.clock.advance(A_MINUTE)
        stage.update(name, new)
        hooks.append(sent(stage, name, new))
    for hook in reversed(hooks):
        hub.receive([hook, hook])
        hub.rest()
    stage.sandbox.clock.advance(A_MINUTE)
    hub.receive(hooks)
    with pytest.raises(Forged):
        hub.receive([Webhook(hooks[0].headers, hooks[0].body + b" ")])
    hub.rest()
    arrived = hub.ids(name) | hub.unreadable(name)
    assert new in arrived or hub.picks(name), f"{name}: what the webhook told of did not arrive"


def _same(
    stage: Stage, hub: Together, folder: Path, before: bytes = b"", unsaid: Iterable[str] = ()
) -> None:
    """Both sides hold the same: the same ids, and what a hub reads that was only away meanwhile.

    `before` is what that hub knew already; without it, it lists everything. `unsaid` are the
    streams in which something was deleted that only a listing tells of.
    """
    assert hub.given_up() == [], "jobs that nobody will do"
    with together(stage, folder, before) as other:
        other.settle()
        other.list_all(unsaid)
        for name in hub.streams:
            assert hub.ids(name) == other.ids(name), f"{name}: records too many, or too few"
            # What no mapping can read is a dead letter: seen, and left to a person.
            seen = hub.ids(name) | hub.unreadable(name)
            if not hub.picks(name):
                assert seen == set(stage.ids(name)), f"{name}: not what they have"
        ours, fresh = hub.held(), other.held()
        stale = {held: (ours[held], fresh[held]) for held in fresh if ours.get(held) != fresh[held]}
        assert stale == {}, "(what the hub has, what they have)"


@contextmanager
def _hub(stage: Stage, folder: Path) -> Iterator[Together]:
    if not stage.subject.can(Pulls):
        not_applicable(f"{stage.subject} does not pull")
    if not loaded(stage.subject):
        not_proven(f"{stage.subject} ships no mapping")
    with together(stage, folder) as hub:
        yield hub


def _outlet(hub: Together) -> Outlet:
    if not any(m.writes for found in hub.connection.mappings.values() for m in found):
        not_applicable("its mappings write nothing")
    outlet = hub.outlet()
    if outlet is None:
        not_proven("no mapping writes the text in example.yaml's write.update")
    return outlet
