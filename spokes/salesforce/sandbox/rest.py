"""The REST resources below `/services/data/vNN.0/`, without sign-in and quota."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from functools import partial
from typing import Any
from urllib.parse import unquote

from hub.testing import Answer, Request
from spokes.salesforce.sandbox import composite, files, query, records, soql
from spokes.salesforce.sandbox.refusal import Refused, not_found
from spokes.salesforce.sandbox.tables import ORG, USER, Row, Table, Tables, stamp

OLDEST, NEWEST = 31, 66
_CURSORS = 10  # open query cursors of one user; the oldest makes room
_DELETED_FOR, _UPDATED_FOR = timedelta(days=15), timedelta(days=30)
_COLLECTION = 200


@dataclass(slots=True)
class Rest:
    """One org's resources. `usage` is what the limits resource shows.

    `part` answers a request within a composite one.
    """

    tables: Tables
    usage: Callable[[], tuple[int, int]]
    part: composite.Part
    cursors: dict[str, query.Result] = field(default_factory=dict[str, query.Result])
    contents: dict[str, bytes] = field(default_factory=dict[str, bytes])
    opened: int = 0
    page_size: int = 2000

    def answer(self, request: Request, now: datetime) -> Answer:
        """Dispatch by path; raises `Refused`."""
        path = request.target.partition("?")[0].strip("/")
        version, *parts = [unquote(part) for part in path.split("/")[2:]]
        _check_version(version)
        _check_type(request)
        match request.method, parts:
            case "GET", [] | ["limits"] | ["sobjects"]:
                return self._overview(path, "".join(parts))
            case "GET", ["query" | "queryAll" as resource]:
                return self._query(request, deleted=resource == "queryAll")
            case "GET", ["query" | "queryAll", locator]:
                return self._more(request, locator)
            case "POST", ["composite"]:
                return self._composite(request, version, now)
            case _, ["composite", "sobjects", *rest]:
                return self._collection(request, rest, now)
            case _, ["sobjects", name, *rest]:
                return self._sobject(request, self.tables[name], rest, now)
            case _:
                raise not_found()

    def _composite(self, request: Request, version: str, now: datetime) -> Answer:
        def ask(inner: Request) -> Answer:
            try:
                return self.answer(inner, now)
            except Refused as refused:
                return refused.answer()

        body = _object(request)
        return composite.answer(request, body, version, partial(self.part, ask=ask))

    def _overview(self, path: str, what: str) -> Answer:
        if what == "limits":
            used, allowed = self.usage()
            daily = {"Max": allowed, "Remaining": max(allowed - used, 0)}
            return Answer(body={"DailyApiRequests": daily})
        if what == "sobjects":
            known = [t.sobject.summary() for t in self.tables if t.sobject.prefix]
            return Answer(body={"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": known})
        listed = {name: f"/{path}/{name}" for name in _RESOURCES}
        return Answer(body=listed | {"identity": f"{_IDENTITY}/{ORG}/{USER}"})

    def _sobject(  # noqa: PLR0911 -- a case for each resource
        self, request: Request, table: Table, rest: list[str], now: datetime
    ) -> Answer:
        match request.method, rest:
            case "GET", []:
                return Answer(body={"objectDescribe": table.sobject.summary(), "recentItems": []})
            case "GET", ["describe"]:
                return Answer(body=table.sobject.described(self.tables.hidden))
            case "GET", ["deleted" | "updated" as what]:
                return _replication(table, what, request, now)
            case "GET", [id, "VersionData"]:
                return self._content(table, id)
            case "POST", []:
                return self._created(request, table, now)
            case method, [id]:
                return self._record(request, method, table, id, now)
            case "PATCH", [name, value]:
                return self._upsert(request, table, name, value, now)
            case _:
                raise _not_allowed(request)

    def _content(self, table: Table, id: str) -> Answer:
        row = records.find(table, id)
        if table.sobject.name != files.OBJECT:
            raise not_found()
        return Answer(body=self.contents.get(row["Id"], b""))

    def _created(self, request: Request, table: Table, now: datetime) -> Answer:
        """A new record; a file comes with its content, in two parts."""
        if table.sobject.name != files.OBJECT:
            if files.is_multipart(request):
                raise Refused(400, "INVALID_MULTIPART_REQUEST", "only files have content")
            row = records.create(self.tables, table, _object(request), now)
        else:
            fields, content = files.parts(request)
            row = records.create(self.tables, table, fields, now)
            self.contents[row["Id"]] = content
            table.put(row | files.facts(row, content))
        return Answer(201, body={"id": row["Id"], "success": True, "errors": []})

    def _record(
        self, request: Request, method: str, table: Table, id: str, now: datetime
    ) -> Answer:
        row = records.find(table, id)
        match method:
            case "GET":
                return Answer(
                    body={k: v for k, v in _shown(row).items() if k in _seen(self, table)}
                )
            case "PATCH":
                _check_unmodified(request, row)
                records.update(self.tables, table, id, _object(request), now)
            case "DELETE":
                records.delete(table, id, now)
            case _:
                raise _not_allowed(request)
        return Answer(204)

    def _upsert(
        self, request: Request, table: Table, name: str, value: str, now: datetime
    ) -> Answer:
        data = _object(request)
        if name in data:
            raise Refused(
                400,
                "INVALID_FIELD",
                f"The {name} field should not be specified in the sobject data.",
                [name],
            )
        found = self._by_external_id(table, name, value)
        if len(found) > 1:
            base = f"/services/data/v66.0/sobjects/{table.sobject.name}"
            return Answer(300, body=[f"{base}/{row['Id']}" for row in found])
        if found:
            _check_unmodified(request, found[0])
            row = records.update(self.tables, table, found[0]["Id"], data, now)
            return _upserted(200, row)
        return _upserted(201, records.create(self.tables, table, {**data, name: value}, now))

    def _by_external_id(self, table: Table, name: str, value: str) -> list[Row]:
        field = table.sobject.fields.get(name)
        hidden = (table.sobject.name, name) in self.tables.hidden
        if field is None or hidden or not field.external_id:
            raise Refused(
                404,
                "NOT_FOUND",
                f"Provided external ID field does not exist or is not accessible: {name}",
            )
        return table.with_external_id(name, value)

    def _query(self, request: Request, *, deleted: bool) -> Answer:
        text = request.param("q")
        if not text:
            raise Refused(400, "MALFORMED_QUERY", "SOQL query is missing: give the parameter q")
        asked = soql.parse(text)
        result = query.run(self.tables, asked, deleted=deleted)
        if asked.counts:
            return Answer(body={"totalSize": len(result.rows), "done": True, "records": []})
        return self._batch(request, result, 0, "")

    def _more(self, request: Request, locator: str) -> Answer:
        name, _, start = locator.rpartition("-")
        if name not in self.cursors or not start.isdigit():
            raise Refused(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._batch(request, self.cursors[name], int(start), name)

    def _batch(self, request: Request, result: query.Result, start: int, name: str) -> Answer:
        size = min(_batch_size(request), self.page_size)
        if start:
            size -= size // 40  # what one asks for is not guaranteed: later batches are smaller
        records, total = result.page(start, size), len(result.rows)
        body: dict[str, Any] = {"totalSize": total, "done": start + size >= total}
        if not body["done"]:
            name = name or self._open(result)
            body["nextRecordsUrl"] = f"/services/data/v66.0/query/{name}-{start + size}"
        return Answer(body=body | {"records": records})

    def _open(self, result: query.Result) -> str:
        self.opened += 1
        while len(self.cursors) >= _CURSORS:
            del self.cursors[next(iter(self.cursors))]
        name = f"01g5g{self.opened:010}EAA"
        self.cursors[name] = result
        return name

    def _collection(self, request: Request, rest: list[str], now: datetime) -> Answer:
        """Up to 200 records; each has its own result, and the whole answers 200."""
        if request.method == "DELETE" and not rest:
            ids = filter(None, request.param("ids").split(","))
            return Answer(body=[self._row(partial(self._delete, one, now)) for one in ids])
        body = _object(request)
        rows = body.get("records")
        if not isinstance(rows, list) or not 0 < len(rows) <= _COLLECTION:
            raise Refused(400, "INVALID_INPUT", f"records must hold 1 to {_COLLECTION} records")
        match request.method, rest:
            case "POST", []:
                write = self._create_one
            case "PATCH", []:
                write = self._update_one
            case "PATCH", [_, external]:

                def write(row: Row, now: datetime) -> Row:
                    return self._upsert_one(row, external, now)
            case _:
                raise _not_allowed(request)
        return Answer(body=[self._row(partial(write, row, now)) for row in rows])

    def _row(self, write: Callable[[], Row]) -> dict[str, Any]:
        try:
            return write()
        except Refused as refused:
            return {"success": False, "errors": [refused.entry("statusCode")]}

    def _create_one(self, row: Row, now: datetime) -> Row:
        made = records.create(self.tables, self._typed(row), row, now)
        return {"id": made["Id"], "success": True, "errors": []}

    def _update_one(self, row: Row, now: datetime) -> Row:
        data = {key: value for key, value in row.items() if key.lower() != "id"}
        given = str(row.get("id") or row.get("Id") or "")
        made = records.update(self.tables, self._typed(row), given, data, now)
        return {"id": made["Id"], "success": True, "errors": []}

    def _upsert_one(self, row: Row, external: str, now: datetime) -> Row:
        table = self._typed(row)
        data = {key: value for key, value in row.items() if key != external}
        found = self._by_external_id(table, external, str(row.get(external) or ""))
        if found:
            made = records.update(self.tables, table, found[0]["Id"], data, now)
        else:
            made = records.create(self.tables, table, row, now)
        return {"id": made["Id"], "success": True, "errors": [], "created": not found}

    def _delete(self, id: str, now: datetime) -> Row:
        table = next((t for t in self.tables if t.sobject.prefix == id[:3]), None)
        if table is None:
            raise not_found()
        return {"id": records.delete(table, id, now)["Id"], "success": True, "errors": []}

    def _typed(self, row: Row) -> Table:
        kind = str((row.get("attributes") or {}).get("type"))
        if kind not in self.tables:
            raise Refused(400, "INVALID_TYPE", f"sObject type '{kind}' is not supported.")
        return self.tables[kind]


_IDENTITY = "https://login.salesforce.com/id"
_TYPES = {"application/json", "multipart/form-data"}
_RESOURCES = ("composite", "limits", "query", "queryAll", "sobjects")


def versions() -> Answer:
    """`GET /services/data/`, which needs no sign-in."""
    return Answer(
        body=[
            {
                "label": f"API {number}",
                "url": f"/services/data/v{number}.0",
                "version": f"{number}.0",
            }
            for number in range(OLDEST, NEWEST + 1)
        ]
    )


def _check_version(version: str) -> None:
    number = version.removeprefix("v").removesuffix(".0")
    if not number.isdigit() or version != f"v{number}.0" or int(number) > NEWEST:
        raise not_found()
    if int(number) < OLDEST:
        raise Refused(410, "UNSUPPORTED_API_VERSION", f"{version} is retired")


def _check_type(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method in {"POST", "PATCH", "PUT"} and kind not in _TYPES:
        raise Refused(
            415, "UNSUPPORTED_MEDIA_TYPE", f"Content type {kind or 'none'} not supported."
        )


def _check_unmodified(request: Request, row: Row) -> None:
    if since := request.headers.get("if-unmodified-since"):
        modified = query.seconds(row["LastModifiedDate"])
        if modified > parsedate_to_datetime(since):
            raise Refused(
                412,
                "PRECONDITION_FAILED",
                f"modified {format_datetime(modified.astimezone(UTC), usegmt=True)}",
            )


def _object(request: Request) -> dict[str, Any]:
    try:
        body = request.json()
    except ValueError as error:
        raise Refused(400, "JSON_PARSER_ERROR", str(error)) from error
    if not isinstance(body, dict):
        raise Refused(400, "JSON_PARSER_ERROR", "the body must be one JSON object")
    return body


def _batch_size(request: Request) -> int:
    wish = request.headers.get("sforce-query-options", "").partition("batchSize=")[2]
    return min(max(int(wish), 200), 2000) if wish.isdigit() else 2000


def _shown(row: Row) -> Row:
    return {"attributes": {"type": row["_type"]}} | {k: v for k, v in row.items() if k != "_type"}


def _seen(rest: Rest, table: Table) -> set[str]:
    name = table.sobject.name
    return {"attributes"} | {f for f in table.sobject.fields if (name, f) not in rest.tables.hidden}


def _upserted(status: int, row: Row) -> Answer:
    body = {"id": row["Id"], "success": True, "errors": [], "created": status == 201}
    return Answer(status, body=body)


def _not_allowed(request: Request) -> Refused:
    return Refused(405, "METHOD_NOT_ALLOWED", f"HTTP Method '{request.method}' not allowed.")


def _replication(table: Table, what: str, request: Request, now: datetime) -> Answer:
    """The `deleted` and `updated` resources: ids that changed between two moments."""
    try:
        start, end = (query.seconds(request.param(name)) for name in ("start", "end"))
    except ValueError:
        raise Refused(400, "INVALID_REPLICATION_DATE", "start and end must be times") from None
    kept = _DELETED_FOR if what == "deleted" else _UPDATED_FOR
    if end - start <= timedelta(minutes=1) or start < now - kept:
        raise Refused(
            400, "INVALID_REPLICATION_DATE", f"start must be within {kept.days} days, end later"
        )
    latest = {"latestDateCovered": stamp(min(end, now))}
    if what == "updated":
        rows = table.since(stamp(start), stamp(end))
        return Answer(body={"ids": [r["Id"] for r in rows if not r["IsDeleted"]]} | latest)
    listed = [
        {"id": gone, "deletedDate": at}
        for gone, at in table.delete_log
        if stamp(start) <= at <= stamp(end)
    ]
    earliest = {"earliestDateAvailable": stamp(now - _DELETED_FOR)}
    return Answer(body={"deletedRecords": listed} | earliest | latest)
