"""What carrying files owes: every byte, once, in pieces, from nowhere but the vendor."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal

import orjson
import pytest

from hub.abilities import Attaches
from hub.errors import NotFound, Permanent, SyncError, Transient
from hub.spoke import Spoke, Write
from hub.store.attachments import safe_name
from hub.testing.conformance.reasons import needs
from hub.testing.example import AttachExample
from hub.testing.faults import Fault
from hub.testing.made_up import MadeUp
from hub.testing.replay import ELSEWHERE
from hub.testing.stage import Stage, Subject, attaches, close, fetches
from hub.testing.stage import key as sys_id
from hub.testing.watched import Watched

SIZES = (0, 1, 5_000_000)
LARGEST_PIECE = 4 * 1024 * 1024
"""The largest block that a vendor prescribes: Dataverse's."""
LARGE, MOST_HELD = 12_000_000, 7_000_000
"""A file, and how much of it may be under way: a block and a half, for some write it as base64."""
SMALL, MIDDLING = 100_000, 600_000
CUTS = (200, 300_000)
ODD_NAMES = (
    "Grüße 漢字 🧰.txt", """a "quoted" 'name'; x=1, 100%25 & <b>.txt""", "../up/and\\down.txt",
    "no ending", "x" * 251 + ".txt",
)  # fmt: skip


class Attaching:
    @needs(Attaches)
    def test_carries_files_byte_for_byte(self, stage: Stage) -> None:
        """Content of no byte, of one, and of 5 MB opens as it was attached, in pieces of 4 MB at most."""
        for size in SIZES:
            file = MadeUp(size)
            try:
                id = _attached(stage, file, f"key-{size}")
            except Permanent:
                assert size == 0, "only an empty file may be refused"
                continue
            assert id in stage.ids(_told(stage.subject).stream)
            _check_opens(stage, id, file)

    @needs(Attaches)
    def test_carries_files_under_odd_names(self, stage: Stage) -> None:
        """Names with quotes, signs of a header and letters of any script arrive, with their content."""
        told = _told(stage.subject)
        for number, odd in enumerate(ODD_NAMES):
            name = safe_name(odd)  # as the hub hands them out
            file = MadeUp(10 + number, name)
            id = _attached(stage, file, f"key-{number}", {told.named: name} if told.named else {})
            _check_opens(stage, id, file)
            if told.named:
                stream = stage.subject.stream(told.stream)
                record = stage.patiently(lambda: [*fetches(stage.spoke()).fetch(stream, [id])])  # noqa: B023
                arrived = orjson.dumps([one.data for one in record]).decode()
                assert orjson.dumps(name).decode() in arrived, f"{name} is not as it was sent"

    @needs(Attaches)
    def test_holds_no_file_whole(self, stage: Stage) -> None:
        """On its way in or out, no more than a block of a file is held: it may not fit in memory."""
        most = gone = sent = 0
        with _watched(stage) as (spoke, network):

            def leaving(taken: int) -> None:
                nonlocal most, gone, sent
                if network.sent > sent:  # what was taken before is on its way
                    gone, sent = taken, network.sent
                most = max(most, taken - gone)

            id = _attached(stage, MadeUp(LARGE, on_taken=leaving), "key-1", by=spoke)
            assert most < MOST_HELD, f"{most:,} bytes of {LARGE:,} are taken and not yet sent"
            given, most, before = 0, 0, network.received
            for piece in attaches(spoke).open(_stream(stage), id):
                most, before = max(most, network.received - before), network.received
                given += len(piece)
            assert given == LARGE
            assert most < MOST_HELD, f"{most:,} bytes of {LARGE:,} have come and are not passed on"

    @needs(Attaches)
    def test_attaches_once_though_the_connection_breaks(self, stage: Stage) -> None:
        """Cut before or after any request, a repetition under the same key makes no second file."""
        told, file = _told(stage.subject), MadeUp(SMALL)
        _attached(stage, file, "key-0")  # signs in
        stage.sandbox.journal.clear()
        id = _attached(stage, file, "key-1")
        requests = len(stage.sandbox.journal)
        assert _attached(stage, file, "key-1") == id, "the same key is the same file"
        cuts: tuple[Literal["before", "after"], ...] = ("before", "after")
        for cut, drop in [(cut, drop) for cut in range(requests) for drop in cuts]:
            before, key, data = set(stage.ids(told.stream)), f"cut-{cut}-{drop}", _data(stage)
            stage.sandbox.faults.add(Fault(skip=cut, drop=drop))
            with suppress(Transient):  # what the engine repeats
                _attached(stage, file, key, data)
            stage.sandbox.faults.clear()
            id = _attached(stage, file, key, data)
            new = set(stage.ids(told.stream)) - before
            assert new == {id}, f"cut {drop} request {cut + 1}"
            _check_opens(stage, id, file)

    @needs(Attaches)
    def test_opens_no_file_that_is_missing(self, stage: Stage) -> None:
        """A file that nobody has raises NotFound."""
        told = _told(stage.subject)
        missing = stage.subject.example.streams[told.stream].missing
        assert missing, f"example.yaml: streams.{told.stream}.missing must name an id of nobody"
        with pytest.raises(NotFound):
            stage.patiently(lambda: list(attaches(stage.spoke()).open(_stream(stage), missing)))

    @needs(Attaches)
    def test_takes_no_half_of_a_file_for_the_whole(self, stage: Stage) -> None:
        """What breaks off while it is read raises Transient; half of it does not end as if it were all."""
        file = MadeUp(MIDDLING)
        id = _attached(stage, file, "key-1")
        requests = range(_requests_to_open(stage, id))
        for skip, after in [(skip, after) for skip in requests for after in CUTS]:
            stage.sandbox.faults.add(Fault(skip=skip, truncate=after, times=None))
            try:
                _check_opens(stage, id, file)
            except Transient:
                continue
            finally:
                stage.sandbox.faults.clear()

    @needs(Attaches)
    def test_takes_files_from_nowhere_else(self, stage: Stage) -> None:
        """Neither a redirect nor a link in what they answer leads a file elsewhere, out or in."""
        file = MadeUp(SMALL)
        id = _attached(stage, file, "key-1")
        away = Fault(status=302, headers={"Location": f"{ELSEWHERE}/file"})
        for skip in range(_requests_to_open(stage, id)):
            stage.sandbox.faults.add(Fault(skip=skip, status=302, headers=away.headers))
            with _watched(stage) as (spoke, network):
                with suppress(SyncError):
                    list(attaches(spoke).open(_stream(stage), id))
                assert network.strayed == [], "a redirect leads elsewhere"
            stage.sandbox.faults.clear()
        with _watched(stage, misleading=True) as (spoke, network):
            with suppress(SyncError, LookupError):
                list(attaches(spoke).open(_stream(stage), id))
            with suppress(SyncError, LookupError):
                _attached(stage, file, "key-2", by=spoke)
            assert network.strayed == [], "a link leads elsewhere"


def _told(subject: Subject) -> AttachExample:
    assert subject.example.attach, "example.yaml records no attach"
    return subject.example.attach


def _stream(stage: Stage) -> Any:
    return stage.subject.stream(_told(stage.subject).stream)


def _data(stage: Stage) -> dict[str, Any]:
    return stage.sample(_told(stage.subject).data)


def _attached(
    stage: Stage,
    file: MadeUp,
    key: str,
    data: dict[str, Any] | None = None,
    by: Spoke | None = None,
) -> str:
    """Attach a file; its id there."""
    write = Write(None, _data(stage) | (data or {}), sys_id(key))
    return stage.patiently(
        lambda: attaches(by or stage.spoke()).attach(_stream(stage), write, file.content).id
    )


def _check_opens(stage: Stage, id: str, file: MadeUp) -> None:
    digest, size, largest = hashlib.sha256(), 0, 0
    for piece in attaches(stage.spoke()).open(_stream(stage), id):
        digest.update(piece)
        size += len(piece)
        largest = max(largest, len(piece))
    assert size == file.size, f"of {file.size:,} bytes {size:,} came, and no error"
    assert digest.hexdigest() == file.digest, "what came is not what was attached"
    assert largest <= LARGEST_PIECE, f"a piece of {largest:,} bytes"


def _requests_to_open(stage: Stage, id: str) -> int:
    list(attaches(stage.spoke()).open(_stream(stage), id))  # signs in, if need be
    stage.sandbox.journal.clear()
    list(attaches(stage.spoke()).open(_stream(stage), id))
    return len(stage.sandbox.journal)


@contextmanager
def _watched(stage: Stage, *, misleading: bool = False) -> Iterator[tuple[Spoke, Watched]]:
    """A spoke whose network is watched; `misleading`: all links in answers lead elsewhere."""
    url = stage.sandbox.url

    def mislead(said: Any) -> Any:
        match said:
            case dict():
                return {key: mislead(value) for key, value in said.items()}
            case list():
                return [mislead(value) for value in said]
            case str() if said.startswith(("/", url)):
                return ELSEWHERE + said.removeprefix(url)
            case _:
                return said

    network = Watched(url, stage.sandbox.ca_file, mislead if misleading else None)
    spoke = stage.spoke().using(transport=network)
    try:
        yield spoke, network
    finally:
        close(spoke)
        network.close()
