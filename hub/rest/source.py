"""One stream's list as it is asked, and its answers as pages of ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hub.errors import CursorLost, SyncError
from hub.http import Response
from hub.http.status import called, error_of
from hub.rest import pages
from hub.rest.account import Account
from hub.rest.envelope import Envelope, opened
from hub.rest.language import Stream, Tombstones
from hub.rest.paths import value_at
from hub.rest.records import change_of, id_of, version_of
from hub.spoke import Change, Page


@dataclass(frozen=True, slots=True)
class Source:
    """`refusal` reads an error of theirs out of any answer."""

    account: Account
    name: str
    stream: Stream
    refusal: Callable[[Response], SyncError | None]

    def ask(self, at: pages.Next | None, window: pages.Params, *, path: str = "") -> Response:
        """The page at `at`; raises `CursorLost` for the statuses by which they disown a cursor."""
        own = self.account.path(path or self.stream.path or "")
        how = self.stream.pages
        where, params = pages.request(how, at, own, {**self._params(), **window})
        response = self.account.get(where, params, check=False)
        if response.status_code in (how.expired if how else ()):
            raise CursorLost(
                f"{called(response.request)}: {response.status_code}: they no longer know where "
                f"we stopped in {self.name}"
            )
        error = self.refusal(response) or error_of(response)
        if error is not None:
            raise error
        return response

    def _params(self) -> dict[str, str]:
        size = self.stream.pages.size if self.stream.pages else {}
        fixed = {key: self.account.parameter(each) for key, each in self.stream.query.items()}
        return fixed | {key: str(value) for key, value in size.items()}

    def opened(self, response: Response, at: str) -> Envelope:
        """An answer with its records at `at`, and beside them what paging and deletions need."""
        stones = self.stream.tombstones
        beside = [*pages.paths(self.stream.pages), stones.at if stones else ""]
        return opened(response, at, *beside)

    def page(self, response: Response, envelope: Envelope, cursor: str) -> Page:
        """The body as it came, unless records must be taken out of others or deletions added."""
        stones, stream = self.stream.tombstones, self.stream
        gone = envelope.beside.get(stones.at) if stones and stones.at else None
        if stones and gone:
            deletions = [self.deletion(stones, each) for each in gone]
            return Page([*self.changes(envelope), *deletions], cursor)
        if stream.nested:
            return Page(self.changes(envelope), cursor)
        if not envelope.records:
            return Page((), cursor)
        return Page(cursor=cursor, body=response.content, at=stream.records)

    def changes(self, envelope: Envelope) -> list[Change]:
        """The records, each as a change of its own; nested ones with their parent's id."""
        rows = envelope.rows
        nested = self.stream.nested
        if nested:
            place = f"{self.name}: {nested.at}"
            rows = [
                {**inner, nested.parent: id_of(row, nested.parent_id, place)}
                for row in rows
                for inner in value_at(row, nested.at) or ()
            ]
        return [change_of(self.name, self.stream, row) for row in rows]

    def deletion(self, stones: Tombstones, entry: Any) -> Change:
        """One of their tombstones."""
        place = f"{self.name}: {stones.at or stones.path}"
        version = version_of(entry, stones.version, place)
        return Change(self.name, id_of(entry, stones.id, place), None, version)
