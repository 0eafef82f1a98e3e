"""The Web API's doors: which request means what."""

from __future__ import annotations

import re
from datetime import datetime

from hub.testing import Answer, Request
from spokes.dynamics365.sandbox import actions, files, keys, listing, prefer, tracking, writing
from spokes.dynamics365.sandbox.prefer import Preferences
from spokes.dynamics365.sandbox.refusal import ODATA, PAYLOAD, PRIVILEGE, QUERY, Refused
from spokes.dynamics365.sandbox.rows import Rows, Table, etag
from spokes.dynamics365.sandbox.view import context, view

_ROOT = re.compile(r"/api/data/v9\.[0-2]/(.+)")
_ONE = re.compile(r"(\w+)\((.+)\)")
_ROW_OPTIONS = frozenset({"select", "expand"})


class Api:
    """Answers signed and admitted requests."""

    def __init__(self, rows: Rows, retention: tracking.Retention) -> None:
        self._rows, self._retention = rows, retention
        self.contents = files.Contents(rows)
        self.most_aggregated = 50_000

    def answer(self, request: Request, url: str, size: int, now: datetime) -> Answer:
        """Raises `Refused`. No list has more than `size` rows."""
        where = self._where(request)
        preferences = prefer.read(request)
        if request.method == "GET" and (said := actions.function(self._rows, where, url)):
            return said
        if where in files.ACTIONS and request.method == "POST":
            return self.contents.answer(where, request.json(), now)
        if where == "CloseIncident" and request.method == "POST":
            return actions.close_incident(self._rows, request.json(), now)
        if one := _ONE.fullmatch(where):
            table = self._table(one[1])
            return self._row(request, keys.address(table, one[2]), preferences, url, now)
        name, _, more = where.partition("/")
        if request.method == "POST":
            return self._post(request, self._table(name), more, preferences, url, now)
        return self._get(request, self._table(name), more, preferences, url, size, now)

    def _get(
        self, request: Request, table: Table, more: str, preferences: Preferences, url: str,
        size: int, now: datetime,
    ) -> Answer:  # fmt: skip
        if request.method != "GET" or more not in {"", "$count"}:
            raise _not_found(request)
        if more == "$count":
            return listing.counted(table, listing.options(request.query, frozenset({"filter"})))
        return self._list(request, table, preferences, url, size, now)

    def _post(
        self, request: Request, table: Table, more: str, preferences: Preferences, url: str,
        now: datetime,
    ) -> Answer:  # fmt: skip
        if more == actions.CREATE_MULTIPLE:
            return actions.create_multiple(self._rows, table, request.json(), url, now)
        if more:
            raise _not_found(request)
        select = listing.options(request.query, frozenset({"select"})).get("select", "")
        row = writing.create(self._rows, table, request.json(), url, now)
        return writing.written(self._rows, table, row, preferences, select, url, new=True)

    def _where(self, request: Request) -> str:
        for name in ("odata-version", "odata-maxversion"):
            if request.headers.get(name, "4.0") != "4.0":
                raise Refused(400, QUERY, f"The {name} header must be 4.0.")
        typed = request.headers.get("content-type", "").startswith("application/json")
        if request.body and not typed:
            raise Refused(415, PAYLOAD, "A supported MIME type could not be found: send JSON.")
        found = _ROOT.fullmatch(request.path)
        if found is None:
            raise _not_found(request)
        return found[1]

    def _table(self, name: str) -> Table:
        table = self._rows.of_set(name)
        if table is None:
            raise Refused(404, QUERY, f"Resource not found for the segment '{name}'.")
        if not table.readable:
            raise Refused(
                403,
                PRIVILEGE,
                f"Principal user (Id={actions.USER}, type=8) is missing prvRead{table.schema.name} "
                f"privilege on OTC={len(name)} for entity '{table.schema.name}'.",
            )
        return table

    def _list(
        self, request: Request, table: Table, preferences: Preferences, url: str, size: int,
        now: datetime,
    ) -> Answer:  # fmt: skip
        names = {name for name, _ in request.query}
        if preferences.track_changes or "$deltatoken" in names:
            asked = listing.options(request.query, tracking.OPTIONS)
            return tracking.answer(
                self._rows, table, asked, preferences, self._retention, url=url, size=size, now=now
            )
        if "$apply" in names:
            asked = listing.options(request.query, frozenset({"apply"}))
            return listing.aggregated(table, asked, url, self.most_aggregated)
        asked = listing.options(request.query, listing.OPTIONS)
        return listing.answer(self._rows, table, asked, preferences, url, size)

    def _row(
        self, request: Request, where: keys.Address, preferences: Preferences, url: str,
        now: datetime,
    ) -> Answer:  # fmt: skip
        asked = listing.options(request.query, _ROW_OPTIONS)
        select = asked.get("select", "")
        match request.method:
            case "GET":
                return self._read(request, where, asked, preferences, url)
            case "PATCH":
                row, new = writing.patch(self._rows, where, request, url, now)
                return writing.written(
                    self._rows, where.table, row, preferences, select, url, new=new
                )
            case "DELETE":
                return writing.delete(self._rows, where, request)
            case _:
                raise _not_found(request)

    def _read(
        self, request: Request, where: keys.Address, asked: listing.Options,
        preferences: Preferences, url: str,
    ) -> Answer:  # fmt: skip
        row, schema = where.found(), where.table.schema
        select, expand = asked.get("select", ""), asked.get("expand", "")
        known = request.headers.get("if-none-match") == etag(row)
        if known and not (expand or preferences.annotations):
            return Answer(304, ODATA)
        shown = view(self._rows, schema, select, expand, preferences).of(row)
        about = {"@odata.context": context(url, schema, select, "/$entity")}
        return Answer(200, ODATA | {"ETag": etag(row)}, about | shown)


def _not_found(request: Request) -> Refused:
    return Refused(404, QUERY, f"No HTTP resource was found for {request.method} {request.path}.")
