"""Salesforce: accounts, contacts, cases and comments come in by polling; changes go out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

import hub
from spokes.salesforce import composite, errors, soql
from spokes.salesforce.composite import Call
from spokes.salesforce.errors import Outdated, TooLarge
from spokes.salesforce.ids import id18, is_id
from spokes.salesforce.org import Answered, Org, Usage

_MINUTE = timedelta(minutes=1)
_IDS_PER_QUERY = 200  # keeps the request line far below their 16 KB
_KEYLESS = frozenset({"CaseComment"})  # objects that can have no custom fields, so no external id
_SPLITS = 6  # how often one pull halves a window that is too large for them


class Salesforce(
    hub.Spoke, hub.Pulls, hub.Fetches, hub.WritesMany, hub.Recalls, hub.Attaches, hub.Counts
):
    """One org, spoken to at its My Domain as an External Client App.

    Signs in with `client_secret` (client credentials), or as `username` with `private_key` (JWT
    bearer). `external_id_field` holds our sys_id and must be a unique External Id over there.
    """

    kind = "crm"
    streams = tuple(
        hub.Stream(name, every=_MINUTE, by_time=True)
        for name in ("Account", "Contact", "Case", "CaseComment", "ContentVersion")
    )
    at_once: ClassVar[int] = composite.MOST
    rate = hub.Rate(calls=25)  # they limit calls per day and long ones at once, not per second
    quota = hub.Quota(timedelta(days=1))  # a rolling one; Sforce-Limit-Info says how many
    # Never *.lightning.force.com (INVALID_SESSION_ID), nor login.salesforce.com (not an API host).
    hosts = (".my.salesforce.com", ".sandbox.my.salesforce.com")

    client_id: str
    client_secret: hub.Secret | None = None
    username: str = ""
    private_key: hub.Secret | None = None
    audience: str = "https://login.salesforce.com"

    api_version: Annotated[str, Field(pattern=r"^\d{2,3}\.0$")] = "66.0"
    external_id_field: Annotated[str, Field(pattern=r"^[A-Za-z]\w*$")] = "Hub_Id__c"
    page_size: Annotated[int, Field(ge=200, le=2000)] = 2000
    session_ttl: timedelta | None = None  # their session policy; without it a 401 tells
    horizon: timedelta = timedelta(seconds=30)
    overlap: timedelta = timedelta(minutes=5)

    @model_validator(mode="after")
    def _signs_in_one_way(self) -> Self:
        if (self.client_secret is None) == (self.private_key is None):
            raise ValueError("give client_secret, or username and private_key, but not both")
        if self.private_key is not None and not self.username:
            raise ValueError("private_key needs username: the user in whose name the hub works")
        return self

    def auth(self) -> hub.Auth:
        """Our tokens, never the SDK's, and never SOAP login(), which is being retired."""
        token_url = f"{self.url.rstrip('/')}/services/oauth2/token"
        kept: dict[str, Any] = {
            "tokens": self._tokens,
            "hosts": self.hosts,
            "loopback": self.sandbox,
            "ttl": self.session_ttl,
        }
        if self.client_secret is not None:
            return hub.ClientCredentials(token_url, self.client_id, self.client_secret, **kept)
        assert self.private_key is not None
        return hub.JwtBearer(
            token_url, self.client_id, self.username, self.audience, self.private_key, **kept
        )

    def translate(self, response: hub.Response) -> hub.SyncError | None:
        return errors.of_answer(response)

    @cached_property
    def _org(self) -> Org:
        return Org(self.http, self.url, self.api_version, self.page_size)

    def using(self, **others: Any) -> Self:
        """The same over another transport, clock or token store; it learns the org anew."""
        other = super().using(**others)
        other.__dict__.pop("_org", None)
        return other

    @property
    def usage(self) -> Usage | None:
        """API calls spent of the org's rolling daily quota; None before the first answer."""
        return self._org.usage

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        keys = hub.Keyset(self.horizon, self.overlap)
        return self.keyset(cursor, partial(self._read, stream), keys)

    def fetch(self, stream: hub.Stream, ids: Sequence[str]) -> Iterator[hub.Change]:
        known = list(dict.fromkeys(id18(one) for one in ids if is_id(one)))
        yield from (hub.Change(stream.name, one, None) for one in ids if not is_id(one))
        for start in range(0, len(known), _IDS_PER_QUERY):
            chunk = known[start : start + _IDS_PER_QUERY]
            batches = self._batches(stream, partial(soql.by_ids, stream.name, chunk))
            found = {change.id: change for changes in batches for change in changes}
            yield from (found.get(one) or hub.Change(stream.name, one, None) for one in chunk)

    def count(self, stream: hub.Stream, since: datetime | None) -> int:
        """With those in the recycle bin, of which a pull tells too."""
        return int(self._org.query(soql.counted(stream.name, since))["totalSize"])

    def upsert(self, stream: hub.Stream, write: hub.Write) -> hub.Receipt:
        call = self._call(stream, write)
        return self._receipt(stream, write, partial(self._org.write, call))

    def upsert_many(
        self, stream: hub.Stream, writes: Sequence[hub.Write]
    ) -> Sequence[hub.Receipt | hub.SyncError]:
        """In one composite request, but for what it would not carry as it is: that goes alone."""
        calls = [self._call_or_error(stream, write) for write in writes]
        together = {
            number: call
            for number, call in enumerate(calls)
            if isinstance(call, Call) and composite.is_literal(call)
        }
        answers = self._org.write_many(together)
        attempts: list[hub.Attempt | hub.SyncError] = []
        for number, (write, call) in enumerate(zip(writes, calls, strict=True)):
            if isinstance(call, Call):
                answered = answers.get(number) or partial(self._org.write, call)
                receipt = partial(self._receipt, stream, write, answered)
                attempts.append(hub.Attempt(receipt, asks=number not in answers))
            else:
                attempts.append(call)
        return hub.outcomes(attempts)

    def delete(self, stream: hub.Stream, id: str) -> None:
        self._org.delete(stream.name, _checked(stream, id))

    def open(self, stream: hub.Stream, id: str) -> Iterator[bytes]:
        yield from self._org.content(stream.name, _checked(stream, id))

    def attach(self, stream: hub.Stream, write: hub.Write, content: hub.Content) -> hub.Receipt:
        """A file cannot be upserted together with its content: it is looked for first."""
        field = self.external_id_field
        found = self._org.query(soql.by_external_id(stream.name, field, write.key))["records"]
        if found:
            return hub.Receipt(id18(found[0]["Id"]))
        data = write.data | {field: write.key}
        try:
            return hub.Receipt(self._org.upload(stream.name, data, content))
        except hub.Conflict as error:  # a try that was under way has just ended
            raise hub.Transient(str(error)) from error

    def recall(self, stream: hub.Stream, write: hub.Write) -> Sequence[str]:
        """Of comments only: everything else has our sys_id as its external id."""
        said = write.data
        if stream.name not in _KEYLESS or not is_id(str(said.get("ParentId"))):
            return ()
        answer = self._org.query(soql.comments(str(said["ParentId"]), self._org.user()))
        rows = [*answer["records"]]
        while not answer["done"]:
            answer = self._org.more(answer["nextRecordsUrl"])
            rows += answer["records"]
        return [id18(row["Id"]) for row in rows if _same(row, said)]

    def _call(self, stream: hub.Stream, write: hub.Write) -> Call:
        if write.id is not None:
            id = _checked(stream, write.id)
            return composite.update(stream.name, id, write.data, write.version)
        if stream.name in _KEYLESS:
            return composite.insert(stream.name, write.data)
        return composite.create(stream.name, self.external_id_field, write.key, write.data)

    def _call_or_error(self, stream: hub.Stream, write: hub.Write) -> Call | hub.SyncError:
        try:
            return self._call(stream, write)
        except hub.SyncError as error:
            return error

    def _receipt(self, stream: hub.Stream, write: hub.Write, answered: Answered) -> hub.Receipt:
        """Their version is not read back: what changed in between would pass as seen."""
        if write.id is not None:
            answered()
            return hub.Receipt(id18(write.id))
        try:
            return hub.Receipt(composite.made(answered()))
        except hub.NotFound as error:  # of a creation nothing can be gone but the field
            if stream.name in _KEYLESS:
                raise
            field = self.external_id_field
            raise hub.Permanent(
                f"{stream.name}.{field} is not an external id that our user may write: create it"
                f" as a unique External Id, or set external_id_field ({error})"
            ) from error

    def _read(self, stream: hub.Stream, window: hub.Window) -> Iterator[list[hub.Change]]:
        """The changes of a window, going on from the last row when they lose the thread."""
        waiting, splits = [window], 0
        while waiting:
            window, moved = waiting.pop(), False
            try:
                batches = self._batches(stream, partial(soql.changed, stream.name, window))
                for changes in batches:
                    yield changes
                    window, moved = _after(window, changes), True
            except hub.CursorLost:  # nextRecordsUrl expired; the keyset knows where we are
                if not moved:
                    raise
                waiting.append(window)
            except TooLarge:
                splits += 1
                if splits > _SPLITS:
                    raise
                waiting += self._halves(stream, window)

    def _halves(self, stream: hub.Stream, window: hub.Window) -> list[hub.Window]:
        """Later half first, as the last one is read first."""
        since = window.since or self._oldest(stream, window.before)
        middle = (since + (window.before - since) / 2).replace(microsecond=0)
        if middle <= since:
            return [window]
        return [hub.Window(middle, "", window.before), replace(window, before=middle)]

    def _oldest(self, stream: hub.Stream, before: datetime) -> datetime:
        rows = self._org.query(soql.oldest(stream.name, before))["records"]
        return datetime.fromisoformat(rows[0]["SystemModstamp"]) if rows else before

    def _batches(
        self, stream: hub.Stream, query: Callable[[Sequence[str]], str]
    ) -> Iterator[list[hub.Change]]:
        """Each batch of a query, asked for when it is wanted; after an INVALID_FIELD once anew."""
        try:
            answer = self._org.query(query(self._columns(stream)))
        except Outdated:
            self._org.forget()
            answer = self._org.query(query(self._columns(stream)))
        while True:
            yield [_change(stream.name, row) for row in answer["records"]]
            if answer["done"]:
                return
            answer = self._org.more(answer["nextRecordsUrl"])

    def _columns(self, stream: hub.Stream) -> tuple[str, ...]:
        return soql.columns(stream, self._org.describe(stream.name), self._org.describe)


def _change(stream: str, row: hub.JsonObject) -> hub.Change:
    """A deleted row as a deletion, also one merged into another (MasterRecordId): see README."""
    data = None if row.get("IsDeleted") else row
    return hub.Change(stream, id18(row["Id"]), data, row.get("SystemModstamp", ""))


def _same(row: hub.JsonObject, said: hub.JsonObject) -> bool:
    """Whether a comment is the one that was sent: they cut blanks off the ends of a text."""
    texts = [str(one.get("CommentBody") or "").split() for one in (row, said)]
    public = [bool(one.get("IsPublished")) for one in (row, said)]
    return texts[0] == texts[1] and public[0] == public[1]


def _after(window: hub.Window, changes: Sequence[hub.Change]) -> hub.Window:
    if not changes:
        return window
    last = changes[-1]
    return replace(window, since=datetime.fromisoformat(last.version), id=last.id)


def _checked(stream: hub.Stream, id: str) -> str:
    if not is_id(id):
        raise hub.NotFound(f"{stream.name}: {id!r} cannot be a Salesforce id")
    return id18(id)
