"""Dynamics 365 Field Service: work orders go out, their status, bookings and times come back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

import hub
from spokes.dynamics365 import batch, counting, delta, errors, files, odata, webhooks, writing
from spokes.dynamics365.delta import Place
from spokes.dynamics365.tables import (
    BY_SET,
    GUID,
    INCIDENTS,
    TABLES,
    WORK_ORDERS,
    Table,
    checked,
    primary_key,
)
from spokes.dynamics365.writing import Call, Parts, Sending

Answered = Callable[[], hub.Response]
"""Gives the answer to one write, or raises the error that it stands for."""

_MINUTE = timedelta(minutes=1)
_SIGN_IN = "https://login.microsoftonline.com"
_UNSCHEDULED = 690970000  # msdyn_systemstatus

Guid = Annotated[str, Field(pattern=f"^({GUID.pattern})?$")]


class Dynamics365(
    hub.Spoke, hub.Pulls, hub.Fetches, hub.Receives, hub.WritesMany, hub.Attaches, hub.Counts
):
    """One Dataverse environment with Field Service and Customer Service.

    Signs in as an application user. `key_column` holds our sys_id and must be an alternate key of
    every table that the hub creates rows in. Tables are read by change tracking, but those of
    `without_change_tracking` by the time of their last change, which tells of no deletion.
    """

    kind: ClassVar[Literal["field_service"]] = "field_service"
    streams = tuple(hub.Stream(table.set, every=_MINUTE) for table in TABLES)
    at_once: ClassVar[int] = batch.MOST
    rate = hub.Rate(calls=15)
    quota = hub.Quota(timedelta(minutes=5), 6_000)  # for each user and web server
    hosts = (".dynamics.com",)

    tenant: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+$")]
    client_id: str
    client_secret: hub.Secret

    hook_secret: hub.Secret | None = None
    previous_hook_secret: hub.Secret | None = None
    hook_header: str = "x-hub-secret"

    api_version: Annotated[str, Field(pattern=r"^\d\.\d$")] = "9.2"
    key_column: Annotated[str, Field(pattern=r"^[a-z]\w*$")] = "csm_hubid"
    price_list: Guid = ""
    work_order_type: Guid = ""
    page_size: Annotated[int, Field(ge=1, le=5000)] = 1000
    without_change_tracking: frozenset[str] = frozenset()
    horizon: timedelta = timedelta(seconds=30)
    overlap: timedelta = timedelta(minutes=5)

    @model_validator(mode="after")
    def _names_its_tables(self) -> Self:
        if unknown := sorted(self.without_change_tracking - BY_SET.keys()):
            known = ", ".join(BY_SET)
            raise ValueError(f"without_change_tracking: no {', '.join(unknown)}; there are {known}")
        return self

    def auth(self) -> hub.Auth:
        """By client credentials, at Microsoft's own address, or a sandbox's."""
        base = self.url.rstrip("/") if self.sandbox else _SIGN_IN
        return hub.ClientCredentials(
            f"{base}/{self.tenant}/oauth2/v2.0/token",
            self.client_id,
            self.client_secret,
            f"{self.url.rstrip('/')}/.default",
            tokens=self._tokens,
            hosts=(urlsplit(_SIGN_IN).netloc,),
            loopback=self.sandbox,
            secret_in_body=True,
        )

    def translate(self, response: hub.Response) -> hub.SyncError | None:
        return errors.translate(response)

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        if stream.name in self.without_change_tracking:
            keys = hub.Keyset(self.horizon, self.overlap)
            return self.keyset(cursor, partial(self._modified, stream), keys)
        return self._tracked(stream, cursor)

    def since(self, stream: hub.Stream, moment: datetime) -> hub.Cursor | None:
        """A moment is no place among their changes: only what is read by its time has one."""
        by_time = stream.name in self.without_change_tracking
        return hub.Keyset.since(moment) if by_time else None

    def fetch(self, stream: hub.Stream, ids: Sequence[str]) -> Iterator[hub.Change]:
        table = BY_SET[stream.name]
        known = list(dict.fromkeys(one.lower() for one in ids if GUID.fullmatch(one)))
        yield from (hub.Change(stream.name, one, None) for one in ids if not GUID.fullmatch(one))
        for some, condition in odata.by_ids(table, known):
            rows = self._rows(stream, filter=condition)
            found = {change.id: change for page in rows for change in page}
            yield from (found.get(one) or hub.Change(stream.name, one, None) for one in some)

    def count(self, stream: hub.Stream, since: datetime | None) -> int | None:
        def get(path: str) -> hub.JsonObject:
            answer: hub.JsonObject = self.http.get(
                self._address(path), headers=odata.headers()
            ).json()
            return answer

        return counting.counted(get, BY_SET[stream.name], since)

    def verify(self, hook: hub.Webhook) -> None:
        secrets = [one for one in (self.hook_secret, self.previous_hook_secret) if one is not None]
        webhooks.verify(hook, secrets, self.hook_header)

    def parse(self, hook: hub.Webhook) -> Iterable[hub.Hint]:
        return webhooks.parse(hook)

    def upsert(self, stream: hub.Stream, write: hub.Write) -> hub.Receipt:
        """A creation is an upsert by alternate key that may only create; a case is closed apart."""
        return self._done(self._sending(BY_SET[stream.name], write))

    def upsert_many(
        self, stream: hub.Stream, writes: Sequence[hub.Write]
    ) -> Sequence[hub.Receipt | hub.SyncError]:
        """In one `$batch`; what a write needs before and after, such as closing a case, goes alone."""
        sendings: list[Sending | hub.SyncError] = []
        for write in writes:
            try:
                sendings.append(self._sending(BY_SET[stream.name], write))
            except (hub.Conflict, hub.Permanent) as error:
                sendings.append(error)
        together = {
            n: one.call for n, one in enumerate(sendings) if isinstance(one, Sending) and one.call
        }
        answers = self._patch_many(together)
        return hub.outcomes(
            hub.Attempt(
                partial(self._done, one, answers.get(number)),
                asks=number not in answers or one.parts.resolution is not None,
            )
            if isinstance(one, Sending)
            else one
            for number, one in enumerate(sendings)
        )

    def open(self, stream: hub.Stream, id: str) -> Iterator[bytes]:
        yield from files.download(self._act, checked(BY_SET[stream.name], id))

    def attach(self, stream: hub.Stream, write: hub.Write, content: hub.Content) -> hub.Receipt:
        """The note first, which has our id; its content in place of what an earlier try left."""
        made = self.upsert(stream, write)
        files.upload(self._act, made.id, content)
        return hub.Receipt(made.id)  # its version has moved, and is not read back

    def delete(self, stream: hub.Stream, id: str) -> None:
        table = BY_SET[stream.name]
        where = self._address(f"{table.set}({checked(table, id)})")
        self.http.delete(where, headers=odata.headers() | {"If-Match": "*"})

    # -- reading

    def _tracked(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        table = BY_SET[stream.name]
        columns = odata.columns(table, stream, odata.VERSION, self.key_column)
        first = self._address(table.set + odata.query(select=columns))
        at = delta.resume(cursor, columns, self.url) if cursor else Place(first, columns, True)
        more = True
        while more:
            answer = self._get(at.link, *(["odata.track-changes"] if at.tracking else []))
            at, more = delta.after(at, answer, table)
            yield hub.Page(delta.changes(table, answer, self.key_column), at.cursor())

    def _modified(self, stream: hub.Stream, window: hub.Window) -> Iterator[list[hub.Change]]:
        """The documented way for tables without change tracking."""
        order = f"{odata.MODIFIED} asc,{BY_SET[stream.name].id} asc"
        return self._rows(stream, filter=odata.changed(window), orderby=order)

    def _rows(self, stream: hub.Stream, **options: str) -> Iterator[list[hub.Change]]:
        """Every page of a query, asked for when it is wanted."""
        table = BY_SET[stream.name]
        version = self._version(table)
        columns = odata.columns(table, stream, version, self.key_column)
        link = self._address(table.set + odata.query(select=columns, **options))
        while link:
            answer = self._get(link)
            yield [odata.change(table, row, version, self.key_column) for row in answer["value"]]
            link = odata.follow(link, answer)

    def _get(self, link: str, *preferences: str) -> hub.JsonObject:
        size = f"odata.maxpagesize={self.page_size}"
        shown = f'odata.include-annotations="{odata.ANNOTATIONS}"'
        said = self.http.get(link, headers=odata.headers(size, shown, *preferences))
        answer: hub.JsonObject = said.json()
        return answer

    def _act(self, action: str, body: hub.JsonObject) -> hub.JsonObject:
        answer = self.http.post(self._address(action), json=body, headers=odata.headers())
        said: hub.JsonObject = answer.json() if answer.content else {}
        return said

    def _address(self, path: str) -> str:
        return f"{self.url.rstrip('/')}/api/data/v{self.api_version}/{path}"

    def _version(self, table: Table) -> str:
        return odata.MODIFIED if table.set in self.without_change_tracking else odata.VERSION

    # -- writing

    def _sending(self, table: Table, write: hub.Write) -> Sending:
        """What is to be sent; asks them only for the ETag of a row whose version is a time stamp."""
        data = {name: value for name, value in write.data.items() if name != self.key_column}
        parts = writing.parts(table, data)
        if write.id is None:
            return self._creation(table, write.key, parts)
        seen = hub.Receipt(checked(table, write.id), write.version)
        where, call = f"{table.set}({seen.id})", None
        if parts.body or parts.resolution is None:
            condition = {"If-Match": self._match(table, where, seen)}
            call = self._call(table, where, parts.body, condition)
        return Sending(table, where, parts, (table.id, seen.id), seen, call)

    def _creation(self, table: Table, key: str, parts: Parts) -> Sending:
        id = primary_key(key) if table.named_by_us else ""
        where = f"{table.set}({id or f'{self.key_column}={odata.literal(key)}'})"
        names = (table.id, id) if id else (self.key_column, key)
        body = self._defaults(table) | parts.body
        call = self._call(table, where, body, {"If-None-Match": "*"}, names[0])
        return Sending(table, where, parts, names, None, call)

    def _call(
        self, table: Table, where: str, body: hub.JsonObject, condition: dict[str, str], *more: str
    ) -> Call:
        """Write, and read back id and version: together with a condition they are no later ones."""
        select = odata.query(select=dict.fromkeys((table.id, self._version(table), *more)))
        said = odata.headers("return=representation") | condition
        return Call(self._address(where + select), body, said)

    def _done(self, sending: Sending, answered: Answered | None = None) -> hub.Receipt:
        """Send it, unless it was `answered` before; then what is left to do."""
        receipt, resolution = sending.seen, sending.parts.resolution
        if sending.call:
            answered = answered or partial(self._patch, sending.call)
            receipt = (self._updated if receipt else self._created)(sending, answered)
        assert receipt is not None
        return self._close(receipt, resolution) if resolution else receipt

    def _updated(self, sending: Sending, answered: Answered) -> hub.Receipt:
        return self._receipt(sending.table, writing.row(sending, answered()))

    def _created(self, sending: Sending, answered: Answered) -> hub.Receipt:
        try:
            return self._updated(sending, answered)
        except hub.Conflict as error:
            return self._created_before(sending.table, sending.where, sending.parts, error)
        except hub.NotFound as error:  # of a creation nothing can be gone but what it refers to
            raise hub.Permanent(
                f"{sending.table.set}: the table, or a row that the new one refers to, is not there"
                f" ({error})"
            ) from error

    def _patch(self, call: Call) -> hub.Response:
        return self.http.patch(call.url, json=call.body, headers=call.headers)

    def _patch_many(self, calls: Mapping[int, Call]) -> dict[int, Answered]:
        """Send up to `batch.MOST` writes in one request; how each was answered.

        Raises what concerns them all.
        """
        if not calls:
            return {}
        kind, body = batch.encoded(list(calls.values()))
        said = odata.headers("odata.continue-on-error") | {
            "Content-Type": kind,
            "Accept": batch.TYPES,
        }
        answer = self.http.post(self._address("$batch"), content=body, headers=said)
        found = zip(calls.items(), batch.parts(answer, len(calls)), strict=True)
        return {
            number: partial(self.http.part, "PATCH", call.url, one.status, one.headers, one.content)
            for (number, call), one in found
        }

    def _defaults(self, table: Table) -> hub.JsonObject:
        """What their documentation requires of a new work order, and the hub does not have."""
        if table is not WORK_ORDERS:
            return {}
        body: hub.JsonObject = {"msdyn_systemstatus": _UNSCHEDULED, "msdyn_taxable": False}
        if self.price_list:
            body["msdyn_pricelist@odata.bind"] = f"/pricelevels({self.price_list})"
        if self.work_order_type:
            body["msdyn_workordertype@odata.bind"] = (
                f"/msdyn_workordertypes({self.work_order_type})"
            )
        return body

    def _created_before(
        self, table: Table, where: str, parts: Parts, refused: hub.Conflict
    ) -> hub.Receipt:
        """The row that our key already names: our own, whose answer was lost.

        Raises `Conflict` if it has changed since: the next poll links it, and the write goes out
        as an update. So too if the row that is in the way is another one, by another key.
        """
        try:
            row = self._one(table, where, *([] if table.named_by_us else parts.columns))
        except hub.NotFound:
            raise refused from None
        if not table.named_by_us and not writing.is_held(row, parts.columns):
            raise hub.Conflict(f"{table.set}: {row[table.id]} was created before and changed since")
        return self._receipt(table, row)

    def _match(self, table: Table, where: str, seen: hub.Receipt) -> str:
        """The ETag of what was seen; of no version any, as long as the row exists."""
        if not seen.version or self._version(table) != odata.MODIFIED:
            return odata.etag(seen.version)
        row = self._one(table, where)  # a time stamp is no ETag: the row has it
        self._check(table, row, seen)
        return str(row["@odata.etag"])

    def _close(self, seen: hub.Receipt, status: int) -> hub.Receipt:
        """Close a case by its action, which knows no If-Match; one that is closed stays so."""
        row = self._one(INCIDENTS, f"{INCIDENTS.set}({seen.id})", "statecode")
        if row["statecode"] == writing.RESOLVED:
            return self._receipt(INCIDENTS, row)
        self._check(INCIDENTS, row, seen)
        body = writing.close_incident(seen.id, status)
        self.http.post(self._address("CloseIncident"), json=body, headers=odata.headers())
        return hub.Receipt(seen.id)

    def _check(self, table: Table, row: hub.JsonObject, seen: hub.Receipt) -> None:
        """Raise `Conflict` if the row is not the one that was seen."""
        version = odata.version_of(row, self._version(table))
        if seen.version and version != seen.version:
            raise hub.Conflict(f"{table.set}: {seen.id} has changed: {seen.version} is {version}")

    def _one(self, table: Table, where: str, *columns: str) -> hub.JsonObject:
        select = sorted({table.id, self._version(table), *columns})
        return self._get(self._address(where + odata.query(select=select)))

    def _receipt(self, table: Table, row: hub.JsonObject) -> hub.Receipt:
        return hub.Receipt(row[table.id], odata.version_of(row, self._version(table)))
