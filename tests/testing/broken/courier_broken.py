"""Courier as careless authors would write it: each class has one fault, and names what it breaks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar

import hub
from hub.http import Client
from tests.testing.broken.courier import Courier

Outcomes = Sequence[hub.Receipt | hub.SyncError]
PIECE = 64 * 1024


class AnswersFromTheLast(Courier):
    """Gives the outcomes of a batch in the wrong order, when all went well."""

    breaks: ClassVar = {"writes_many_in_order"}

    def upsert_many(self, stream: hub.Stream, writes: Sequence[hub.Write]) -> Outcomes:
        outcomes = super().upsert_many(stream, writes)
        failed = any(isinstance(one, hub.SyncError) for one in outcomes)
        return outcomes if failed else [*reversed(outcomes)]


class FailsTogether(Courier):
    """Says of every write what went wrong with one."""

    breaks: ClassVar = {"one_that_fails_leaves_the_others"}

    def upsert_many(self, stream: hub.Stream, writes: Sequence[hub.Write]) -> Outcomes:
        outcomes = super().upsert_many(stream, writes)
        failed = [one for one in outcomes if isinstance(one, hub.NotFound | hub.Permanent)]
        return failed * len(outcomes) if failed else outcomes


class CallsAllFailuresTransient(Courier):
    """Has whatever a part of a batch is refused for tried again."""

    breaks: ClassVar = {"one_that_fails_leaves_the_others"}

    def upsert_many(self, stream: hub.Stream, writes: Sequence[hub.Write]) -> Outcomes:
        return [
            hub.Transient(str(one)) if isinstance(one, hub.NotFound | hub.Permanent) else one
            for one in super().upsert_many(stream, writes)
        ]


class CreatesManyTwice(Courier):
    """Makes up keys of its own for the writes of a batch."""

    breaks: ClassVar = {"repeats_a_batch_without_a_second_record"}

    def _call(self, stream: hub.Stream, write: hub.Write) -> dict[str, Any]:
        call = super()._call(stream, write)
        return call if write.id else call | {"method": "POST", "path": f"/{stream.name}"}

    def upsert(self, stream: hub.Stream, write: hub.Write) -> hub.Receipt:
        if write.id or stream.name == "notes":
            return super().upsert(stream, write)
        path = f"/{stream.name}/by-key/{write.key}"
        row = self.http.put(path, json=write.data).json()
        return hub.Receipt(row["id"], row["changed"])


class OverwritesManyBlindly(Courier):
    """Forgets in a batch that a record may have changed since we saw it."""

    breaks: ClassVar = {"a_conflict_leaves_the_others"}

    def upsert_many(self, stream: hub.Stream, writes: Sequence[hub.Write]) -> Outcomes:
        return super().upsert_many(stream, [hub.Write(one.id, one.data, one.key) for one in writes])


class HandsOutLargePieces(Courier):
    """Gathers five megabytes before it hands anything out."""

    breaks: ClassVar = {"carries_files_byte_for_byte"}

    def open(self, stream: hub.Stream, id: str) -> Iterator[bytes]:
        waiting = b""
        for piece in super().open(stream, id):
            waiting += piece
            if len(waiting) >= 5_000_000:
                yield waiting
                waiting = b""
        yield waiting


class NamesFilesInAscii(Courier):
    """Writes only what its author can type."""

    breaks: ClassVar = {"carries_files_under_odd_names"}

    def attach(self, stream: hub.Stream, write: hub.Write, content: hub.Content) -> hub.Receipt:
        name = str(write.data["name"]).encode("ascii", "replace").decode()
        return super().attach(
            stream, hub.Write(None, write.data | {"name": name}, write.key), content
        )


class SendsFilesWhole(Courier):
    """Reads all of a file before it sends the first byte."""

    breaks: ClassVar = {"holds_no_file_whole"}

    def attach(self, stream: hub.Stream, write: hub.Write, content: hub.Content) -> hub.Receipt:
        receipt = self.upsert(stream, write)
        self.http.put(f"/photos/{receipt.id}/content", content=b"".join(content.chunks))
        return receipt


class TakesFilesWhole(Courier):
    """Reads all of a file before it hands out the first byte."""

    breaks: ClassVar = {"holds_no_file_whole"}

    def open(self, stream: hub.Stream, id: str) -> Iterator[bytes]:
        content = self.http.get(f"/{stream.name}/{id}/content").content
        yield from (content[at : at + PIECE] for at in range(0, len(content), PIECE))


class AttachesTwice(Courier):
    """Creates a file without its key."""

    breaks: ClassVar = {"attaches_once_though_the_connection_breaks"}

    def upsert(self, stream: hub.Stream, write: hub.Write) -> hub.Receipt:
        if stream.name != "photos":
            return super().upsert(stream, write)
        row = self.http.post("/photos", json=write.data).json()
        return hub.Receipt(row["id"], row["changed"])


class ForgetsTheContent(Courier):
    """Takes a file that is there for one that has its content."""

    breaks: ClassVar = {"attaches_once_though_the_connection_breaks"}

    def attach(self, stream: hub.Stream, write: hub.Write, content: hub.Content) -> hub.Receipt:
        row = self.http.put(f"/photos/by-key/{write.key}", json=write.data).json()
        if not row["new"]:
            return hub.Receipt(row["id"], row["changed"])
        return super().attach(stream, write, content)


class TakesMissingForEmpty(Courier):
    """Opens what is not there as if nothing were in it."""

    breaks: ClassVar = {"opens_no_file_that_is_missing", "raises_our_errors"}

    def open(self, stream: hub.Stream, id: str) -> Iterator[bytes]:
        try:
            yield from super().open(stream, id)
        except hub.NotFound:
            return


class EndsWhereItBreaksOff(Courier):
    """Is content with what has come when the connection breaks."""

    breaks: ClassVar = {"takes_no_half_of_a_file_for_the_whole"}

    def open(self, stream: hub.Stream, id: str) -> Iterator[bytes]:
        begun = False
        try:
            for piece in super().open(stream, id):
                begun = True
                yield piece
        except hub.Transient:
            if not begun:
                raise


class OpensWhereTheRecordSays(Courier):
    """Takes a photo from the address in its record, wherever that leads."""

    breaks: ClassVar = {"takes_files_from_nowhere_else"}

    def open(self, stream: hub.Stream, id: str) -> Iterator[bytes]:
        link = self.http.get(f"/{stream.name}/{id}").json()["content_url"]
        if link.startswith(self.url):
            yield from self.http.stream(link)
        else:
            elsewhere = Client(link.rpartition("/")[0], transport=self._transport)
            yield from elsewhere.stream(link)


class RecallsTheNewestFirst(Courier):
    """Gives what it created last before the rest."""

    breaks: ClassVar = {"recalls_a_creation_whose_answer_was_lost"}

    def recall(self, stream: hub.Stream, write: hub.Write) -> Sequence[str]:
        return [*reversed(super().recall(stream, write))]


class RecallsAnybodys(Courier):
    """Never looks who wrote a note."""

    breaks: ClassVar = {"recalls_only_what_is_ours"}

    def recall(self, stream: hub.Stream, write: hub.Write) -> Sequence[str]:
        if stream.name != "notes":
            return ()
        page = self.http.get("/notes/search", params={"text": write.data["text"]}).json()
        return [row["id"] for row in page["items"]]


class RecallsByPattern(Courier):
    """Takes a text for a pattern."""

    breaks: ClassVar = {"recalls_only_what_says_the_same"}

    def recall(self, stream: hub.Stream, write: hub.Write) -> Sequence[str]:
        if stream.name != "notes":
            return ()
        asked = {"text": write.data["text"], "like": write.data["text"]}
        page = self.http.get("/notes/search", params=asked).json()
        return [row["id"] for row in page["items"] if row["author"] == "hub"]


class RecallsWhatHasAKey(Courier):
    """Looks for parcels too, which their key finds."""

    breaks: ClassVar = {"recalls_nothing_that_its_key_finds"}

    def recall(self, stream: hub.Stream, write: hub.Write) -> Sequence[str]:
        if stream.name == "notes":
            return super().recall(stream, write)
        page = self.http.put(f"/{stream.name}/by-key/{write.key}", json=write.data).json()
        return [page["id"]]


class CountsOnePage(Courier):
    """Counts what the first page of a list holds."""

    breaks: ClassVar = {"counts_what_a_pull_brings"}

    def count(self, stream: hub.Stream, since: datetime | None) -> int | None:
        if since:
            return super().count(stream, since)
        window = hub.Window(None, "", self._clock())
        return len(next(self._read(stream, window), ()))


class CountsFromTheBeginning(Courier):
    """Counts all there is, whatever it is asked for."""

    breaks: ClassVar = {"counts_what_changed_since_a_moment"}

    def count(self, stream: hub.Stream, since: datetime | None) -> int | None:
        del since
        return super().count(stream, None)


BROKEN: tuple[type[Courier], ...] = tuple(
    kind
    for kind in list(globals().values())
    if isinstance(kind, type) and issubclass(kind, Courier) and kind is not Courier
)
