"""Courier's sandbox: parcels, notes and photos, each in a table, and what photos hold beside them."""

from __future__ import annotations

import fnmatch
from typing import Any

from hub.testing import Answer, BadCommand, Request, Sandbox, Tables, part

TOKEN = "courier-token-123"
STREAMS = ("parcels", "notes", "photos")
LONGEST_TITLE = 90
Row = dict[str, Any]


class CourierSandbox(Sandbox):
    name = "courier"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._tables = Tables(self.clock, STREAMS)
        self._contents: dict[str, bytes] = {}

    def settings(self) -> dict[str, Any]:
        return {"url": self.url, "sandbox": True, "token": TOKEN}

    def mutate(self, command: dict[str, Any]) -> Any:
        if command.get("do") == "expire_tokens":
            return None  # theirs never do
        return self._tables.obey(command)

    def answer(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _refused(401, "unknown token")
        try:
            return self._answer(request)
        except BadCommand as error:
            return _refused(404, str(error))

    def _answer(self, request: Request) -> Answer:  # noqa: PLR0911 -- one line per endpoint
        match request.method, request.path.strip("/").split("/"):
            case "POST", ["batch"]:
                return self._batch(request)
            case "GET", [stream]:
                return self._list(stream, request)
            case "POST", [stream, "by-ids"]:
                rows = [row for id in request.json() if (row := self._tables.get(stream, id))]
                return Answer(body={"items": rows})
            case "GET", [stream, "count"]:
                rows = self._living(stream)
                return Answer(body={"count": _since(rows, request.param("since"))})
            case "GET", ["notes", "search"]:
                return self._search(request)
            case "POST", ["notes" | "photos" | "parcels" as stream] if _fits(request):
                row = self._tables.create(stream, request.json() | {"author": "hub"})
                return self._shown(stream, row)
            case _, ["photos", id, "content"]:
                return self._content(request, id)
            case _, [stream, *_]:
                return self._write(request, stream)
            case _:
                return _refused(404, f"no {request.method} {request.path}")

    # -- reading

    def _list(self, stream: str, request: Request) -> Answer:
        start = (request.param("since"), request.param("after"))
        rows = [
            row
            for row in self._tables.rows(stream)
            if (row["changed"], row["id"]) > start and row["changed"] < request.param("before")
        ]
        page = rows[: self.page_size or 100]
        return Answer(body={"items": page, "more": len(page) < len(rows)})

    def _living(self, stream: str) -> list[Row]:
        return [row for row in self._tables.rows(stream) if not row["deleted"]]

    def _search(self, request: Request) -> Answer:
        """Notes with a text, or like one, oldest first."""
        text, like = request.param("text"), request.param("like").replace("%", "*")
        found = [
            row
            for row in self._living("notes")
            if row["text"] == text or (like and fnmatch.fnmatchcase(row["text"], like))
        ]
        return Answer(body={"items": found})

    # -- writing

    def _batch(self, request: Request) -> Answer:
        answers = []
        for one in request.json():
            seen = {"if-match": one["if_match"]} if one["if_match"] else {}
            answers.append(self._part(one, dict(request.headers) | seen))
        return Answer(body={"answers": answers})

    def _part(self, one: Row, headers: dict[str, str]) -> Row:
        alone = Answer(body=one["body"]).content()
        request = Request(one["method"], one["path"], headers=headers, body=alone)
        answer = part(self, request, self.answer)
        return {"status": answer.status, "body": answer.body}

    def _write(self, request: Request, stream: str) -> Answer:
        match request.method, request.path.strip("/").split("/")[1:]:
            case "PUT", ["by-key", key] if _fits(request):
                before = len(self._tables.rows(stream))
                row = self._tables.create(stream, request.json(), key=key)
                return self._shown(stream, row | {"new": len(self._tables.rows(stream)) > before})
            case "PATCH", [id] if _fits(request):
                row = self._alive(stream, id)
                if request.headers.get("if-match", row["changed"]) != row["changed"]:
                    return _refused(412, f"changed at {row['changed']}")
                return self._shown(stream, self._tables.change(stream, id, request.json()))
            case "DELETE", [id]:
                self._alive(stream, id)
                self._tables.change(stream, id, {"deleted": True})
                return Answer(204)
            case "GET", [id]:
                return self._shown(stream, self._alive(stream, id))
            case _:
                return _refused(422, f"not so: {request.method} {request.path}")

    def _alive(self, stream: str, id: str) -> Row:
        row = self._tables.get(stream, id)
        if row is None or row["deleted"]:
            raise BadCommand(f"{stream} has no {id}")
        return row

    def _shown(self, stream: str, row: Row) -> Answer:
        link = f"{self.url}/photos/{row['id']}/content"
        return Answer(body=row | ({"content_url": link} if stream == "photos" else {}))

    def _content(self, request: Request, id: str) -> Answer:
        self._alive("photos", id)
        if request.method == "PUT":
            self._contents[id] = request.body
            return Answer(204)
        return Answer(body=self._contents.get(id, b""))


def _fits(request: Request) -> bool:
    return len(str(request.json().get("title", ""))) <= LONGEST_TITLE


def _since(rows: list[Row], moment: str) -> int:
    return sum(1 for row in rows if row["changed"] >= moment)


def _refused(status: int, why: str) -> Answer:
    return Answer(status, body={"error": why})
