"""Courier, a vendor that does not exist: it takes many writes at once, files and notes, and counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

import hub

MOST = 10
ERRORS = {404: hub.NotFound, 412: hub.Conflict, 422: hub.Permanent}


class Courier(hub.Spoke, hub.Pulls, hub.Fetches, hub.WritesMany, hub.Recalls, hub.Attaches,
              hub.Counts):  # fmt: skip
    """Parcels come in and go out, with notes and photos of them."""

    streams = (hub.Stream("parcels"), hub.Stream("notes"), hub.Stream("photos"))
    hosts = ("courier.example",)
    at_once: ClassVar[int] = MOST

    token: hub.Secret

    def auth(self) -> hub.Auth:
        return hub.Bearer(self.token)

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        return self.keyset(cursor, partial(self._read, stream))

    def _read(self, stream: hub.Stream, window: hub.Window) -> Iterator[Sequence[hub.Change]]:
        since, after = window.since.isoformat() if window.since else "", window.id
        while True:
            asked = {"since": since, "after": after, "before": window.before.isoformat()}
            page = self.http.get(f"/{stream.name}", params=asked).json()
            if page["items"]:
                yield [_change(stream, row) for row in page["items"]]
                since, after = page["items"][-1]["changed"], page["items"][-1]["id"]
            if not page["more"]:
                return

    def fetch(self, stream: hub.Stream, ids: Sequence[str]) -> Iterator[hub.Change]:
        page = self.http.post(f"/{stream.name}/by-ids", json=list(ids)).json()
        found = {row["id"]: _change(stream, row) for row in page["items"]}
        yield from (found.get(one) or hub.Change(stream.name, one, None) for one in ids)

    def count(self, stream: hub.Stream, since: datetime | None) -> int | None:
        asked = {"since": since.isoformat()} if since else {}
        return int(self.http.get(f"/{stream.name}/count", params=asked).json()["count"])

    # -- writing

    def upsert(self, stream: hub.Stream, write: hub.Write) -> hub.Receipt:
        if stream.name == "notes":
            return _receipt(self.http.post("/notes", json=write.data).json())
        call = self._call(stream, write)
        seen = {"If-Match": call["if_match"]} if call["if_match"] else {}
        said = self.http.request(call["method"], call["path"], json=call["body"], headers=seen)
        return _receipt(said.json())

    def upsert_many(
        self, stream: hub.Stream, writes: Sequence[hub.Write]
    ) -> Sequence[hub.Receipt | hub.SyncError]:
        calls = [self._call(stream, write) for write in writes]
        answers = self.http.post("/batch", json=calls).json()["answers"]
        return [_outcome(answer) for answer in answers]

    def _call(self, stream: hub.Stream, write: hub.Write) -> dict[str, Any]:
        path, method = f"/{stream.name}/by-key/{write.key}", "PUT"
        if write.id:
            path, method = f"/{stream.name}/{write.id}", "PATCH"
        return {"method": method, "path": path, "body": write.data, "if_match": write.version}

    def delete(self, stream: hub.Stream, id: str) -> None:
        self.http.delete(f"/{stream.name}/{id}")

    # -- notes and photos

    def recall(self, stream: hub.Stream, write: hub.Write) -> Sequence[str]:
        if stream.name != "notes":
            return ()
        page = self.http.get("/notes/search", params={"text": write.data["text"]}).json()
        return [row["id"] for row in page["items"] if row["author"] == "hub"]

    def open(self, stream: hub.Stream, id: str) -> Iterator[bytes]:
        yield from self.http.stream(f"/{stream.name}/{id}/content")

    def attach(self, stream: hub.Stream, write: hub.Write, content: hub.Content) -> hub.Receipt:
        receipt = self.upsert(stream, write)
        size = {"Content-Length": str(content.size)}
        self.http.put(f"/photos/{receipt.id}/content", content=content.chunks, headers=size)
        return receipt


def _change(stream: hub.Stream, row: hub.JsonObject) -> hub.Change:
    return hub.Change(stream.name, row["id"], None if row["deleted"] else row, row["changed"])


def _receipt(row: hub.JsonObject) -> hub.Receipt:
    return hub.Receipt(row["id"], row["changed"])


def _outcome(answer: hub.JsonObject) -> hub.Receipt | hub.SyncError:
    if answer["status"] < 300:
        return _receipt(answer["body"])
    return ERRORS.get(answer["status"], hub.Transient)(str(answer["body"]))
