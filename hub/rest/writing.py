"""Writing one record: found by our key before it is made, and changed only as we last saw it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from hub.errors import Conflict, Permanent, Transient
from hub.http import Response
from hub.http.status import called
from hub.rest.account import Account
from hub.rest.fetching import fetch
from hub.rest.language import Stream
from hub.rest.paths import put_at, value_at
from hub.rest.records import id_of, listed, parsed, version_of
from hub.rest.words import Call
from hub.spoke import JsonObject, Receipt, Write

VERSION = "{version}"


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes to one stream."""

    account: Account
    name: str
    stream: Stream

    def upsert(self, write: Write) -> Receipt:
        """See `hub.Writes`. A creation whose answer was lost is found again, and updated."""
        if write.id is not None:
            return self._update(write.id, write)
        found = self._find(write.key)
        if found is None:
            return self._create(write)
        if self.stream.update is None:
            return Receipt(found)
        return self._update(found, Write(found, write.data, write.key))

    def delete(self, id: str) -> None:
        call = self._call("delete")
        self.account.send(call, self.account.path(call.path, id=id), None, {})

    def _find(self, key: str) -> str | None:
        """The id of the record that was made under our key, None if there is none."""
        find, stream = self.stream.find, self.stream
        if find is None:
            return None
        path = self.account.path(find.path or stream.path or self._call("create").path)
        response = self.account.get(path, {find.parameter: key})
        at = stream.records if find.records is None else find.records
        place = called(response.request)
        rows = listed(parsed(response), at, place)
        same = [row for row in rows if value_at(row, stream.external_key) == key]
        if len(same) > 1:
            raise Permanent(f"{place}: {len(same)} records have our key {key}: merge them there")
        if len(rows) > len(same):
            raise Permanent(
                f"{place}: answers records without our key: is {find.parameter} a filter there?"
            )
        return id_of(same[0], stream.id, place) if same else None

    def _create(self, write: Write) -> Receipt:
        call, stream = self._call("create"), self.stream
        data = write.data
        if stream.external_key:
            data = put_at(data, stream.external_key, write.key)
        path, headers = self.account.path(call.path), self._once(write)
        response = self.account.send(call, path, self._body(data), headers)
        return self._receipt(response, None)

    def _update(self, id: str, write: Write) -> Receipt:
        call, stream = self._call("update"), self.stream
        headers = self._once(write)
        if stream.etag and write.version:
            headers["If-Match"] = stream.etag.replace(VERSION, _theirs(write.version))
        path = self.account.path(call.path, id=id)
        try:
            response = self.account.send(call, path, self._body(write.data), headers)
        except Conflict:
            stored = self._stored(id, write)
            if stored is None:
                raise
            return stored
        return self._receipt(response, id)

    def _stored(self, id: str, write: Write) -> Receipt | None:
        """Their record, if it says already what we would write: then an answer to us was lost."""
        if self.stream.fetch is None:
            return None
        (now,) = fetch(self.account, self.name, self.stream, [id])
        said = now.data is not None and _holds(now.data, write.data)
        return Receipt(id, now.version) if said else None

    def _call(self, verb: str) -> Call:
        call: Call | None = getattr(self.stream, verb)
        if call is None:
            raise Permanent(f"{self.name}: its spoke.yaml has no `{verb}`: nothing was sent")
        return call

    def _once(self, write: Write) -> dict[str, str]:
        header = self.stream.idempotency_key
        return {header: write.key} if header else {}

    def _body(self, data: JsonObject) -> JsonObject:
        return put_at({}, self.stream.wrap, data) if self.stream.wrap else data

    def _receipt(self, response: Response, id: str | None) -> Receipt:
        """What they call it: in the answer's record, or else in its Location."""
        stream, place = self.stream, called(response.request)
        record = value_at(parsed(response), stream.record)
        location = response.headers.get("location", "")
        if value_at(record, stream.id) is not None:
            id = id_of(record, stream.id, place)
        elif id is None and location:
            id = unquote(urlsplit(location).path.rstrip("/").rpartition("/")[2])
        if not id:
            raise Transient(f"{place}: the answer does not say what the new record is called")
        return Receipt(id, version_of(record, stream.version, place) or self._tagged(response))

    def _tagged(self, response: Response) -> str:
        """The version in an answer's ETag."""
        before, _, after = (self.stream.etag or "\0").partition(VERSION)
        tag = response.headers.get("etag", "")
        if not (tag.startswith(before) and tag.endswith(after)):
            return ""
        return str(tag).removeprefix(before).removesuffix(after)


def _holds(record: Any, data: Any) -> bool:
    """Whether a record has these values, however many others it has beside them."""
    if isinstance(data, dict):
        return isinstance(record, dict) and all(
            name in record and _holds(record[name], value) for name, value in data.items()
        )
    return bool(record == data)


def _theirs(version: str) -> str:
    """A version as they wrote it: integers are padded on our side, so that they sort as text."""
    if re.fullmatch(r"[0-9]{20}", version):
        return str(int(version))
    if not version.isascii() or not version.isprintable():
        raise Permanent("the version of their record cannot stand in a header")
    return version
