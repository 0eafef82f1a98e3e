"""One Salesforce org as simple-salesforce sees it, with every request on *our* client.

simple-salesforce must own neither tokens nor the network. With 1.12.10, when it refreshes tokens
itself, one expired session made 980 API calls and 979 logins; headers such as If-Unmodified-Since
were lost on its retry; and it has no timeouts. So it is given a session id that is never used, and
a `requests` session whose only way out is `hub.http`: paced, timed out, signed, one origin.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from io import BytesIO
from threading import Lock
from typing import Any, NamedTuple

import requests
from requests.adapters import BaseAdapter
from simple_salesforce.api import Salesforce as Sdk
from simple_salesforce.format import format_external_id

import hub
from spokes.salesforce import errors, multipart, soql

_OURS = {"authorization", "content-length", "connection", "user-agent", "accept-encoding"}
_NOISE = {"x-prettyprint"}  # the SDK asks for indented JSON: a third more bytes
_WRITING = {
    "Sforce-Auto-Assign": "FALSE",  # assignment rules would hand the case to somebody else
    "Sforce-Duplicate-Rule-Header": "allowSave=true",
    "Sforce-Call-Options": "client=csm-hub",  # names us in their change events
}


class Usage(NamedTuple):
    """API calls spent and allowed in the rolling 24 hours, as their last answer said."""

    used: int
    allowed: int


class Org:
    """Query, describe and write. Serves many threads; raises our errors only."""

    def __init__(self, http: hub.Client, url: str, version: str, page_size: int) -> None:
        self._http = http
        self._adapter = _Adapter(http)
        self._url = url
        self._version = version
        self._batches = {"Sforce-Query-Options": f"batchSize={page_size}"}
        self._described: dict[str, soql.Sobject] = {}
        self._user = ""
        self._lock = Lock()

    @property
    def usage(self) -> Usage | None:
        """What their last answer said about the quota; None before the first one."""
        spent = Sdk.parse_api_usage(self._adapter.limit_info).get("api-usage")
        return Usage(spent.used, spent.total) if spent else None

    def query(self, text: str) -> hub.JsonObject:
        """The first batch of a SOQL query, with deleted rows. `batchSize` is but a wish."""
        with errors.translated():
            return dict(self._sdk().query(text, include_deleted=True, headers=self._batches))

    def more(self, next_url: str) -> hub.JsonObject:
        """The next batch, by `nextRecordsUrl` verbatim: for queryAll it says `/query/`, rightly."""
        # The SDK glues it to the host, where "@evil.test" would name another one.
        if not next_url.startswith("/") or next_url.startswith("//"):
            raise hub.Permanent(f"refused to follow nextRecordsUrl {next_url!r}: not a path")
        with errors.translated():
            sdk = self._sdk()
            return dict(sdk.query_more(next_url, identifier_is_url=True, headers=self._batches))

    def describe(self, name: str) -> soql.Sobject:
        """What an object has and our user may see; asked once, until `forget`."""
        with self._lock:
            if name not in self._described:
                with errors.translated():
                    self._described[name] = soql.sobject(self._object(name).describe())
            return self._described[name]

    def forget(self) -> None:
        """Describe again when next asked: fields came, went or were hidden."""
        with self._lock:
            self._described.clear()

    def create(self, name: str, field: str, key: str, data: hub.JsonObject) -> str:
        """Upsert by external id, which makes a creation repeatable; returns their id."""
        body = {k: v for k, v in data.items() if k != field}  # in the URL and the body is an error
        with errors.translated():
            answer = self._object(name).upsert(
                format_external_id(field, key), body, raw_response=True, headers=_WRITING
            )
            return str(answer.json()["id"])

    def insert(self, name: str, data: hub.JsonObject) -> str:
        """Create a record of an object that can have no external id; returns their id."""
        with errors.translated():
            return str(self._object(name).create(data, headers=_WRITING)["id"])

    def content(self, name: str, id: str) -> Iterator[bytes]:
        """The bytes of a file, as they come."""
        return self._http.stream(
            f"/services/data/v{self._version}/sobjects/{name}/{id}/VersionData"
        )

    def upload(self, name: str, data: hub.JsonObject, content: hub.Content) -> str:
        """Create a file with its content, as multipart/form-data of two parts; returns its id.

        https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/dome_sobject_insert_update_blob.htm
        """
        body = multipart.Body(data, content)
        headers = {"Content-Type": body.type, "Content-Length": str(body.size)}
        answer = self._http.post(
            f"/services/data/v{self._version}/sobjects/{name}",
            content=body, headers=headers | _WRITING,
        )  # fmt: skip
        return str(answer.json()["id"])

    def user(self) -> str:
        """The id of the user in whose name we work; asked once.

        The list of a version's resources names it, whatever the scopes of our token: `identity`.
        """
        if not self._user:
            told = self._http.get(f"/services/data/v{self._version}/").json()
            self._user = str(told["identity"]).rpartition("/")[2]
        return self._user

    def update(self, name: str, id: str, data: hub.JsonObject, unmodified_since: str) -> None:
        """Patch by id, and only if nobody changed it since, when a time is given."""
        headers = dict(_WRITING)
        if unmodified_since:
            headers["If-Unmodified-Since"] = http_date(unmodified_since)
        with errors.translated():
            self._object(name).update(id, data, headers=headers)

    def delete(self, name: str, id: str) -> None:
        with errors.translated():
            self._object(name).delete(id)

    def _sdk(self) -> Sdk:
        """A new one for each call, cheap without a login: it changes its own state as it works."""
        session = requests.Session()
        session.trust_env = False  # else ~/.netrc overrides Authorization, and proxies creep in
        session.mount("https://", self._adapter)
        session.mount("http://", self._adapter)
        return Sdk(
            session_id="unused",
            instance_url=self._url,
            version=self._version,
            session=session,
            object_pairs_hook=None,  # plain dicts; the default OrderedDict is slower
        )

    def _object(self, name: str) -> Any:
        return getattr(self._sdk(), name)


class _Adapter(BaseAdapter):
    """The way out: requests on one side, our client on the other.

    Errors are raised here, before the SDK sees the answer: its exceptions lose the headers, and
    with them Retry-After. Its whole URL is passed on, so that our client can refuse other origins.
    """

    def __init__(self, http: hub.Client) -> None:
        super().__init__()
        self._http = http
        self.limit_info = ""

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002 -- the signature is theirs
        timeout: Any = None,
        verify: Any = True,  # noqa: FBT002
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        del stream, timeout, verify, cert, proxies  # our client has its own
        headers = {
            name: _text(value)
            for name, value in request.headers.items()
            if name.lower() not in _OURS | _NOISE
        }
        answer = self._http.request(
            str(request.method), str(request.url), content=_bytes(request.body), headers=headers
        )
        self.limit_info = answer.headers.get("sforce-limit-info", self.limit_info)
        return _as_requests(answer, request)

    def close(self) -> None:
        """The client outlives the SDK's sessions."""


def _as_requests(answer: hub.Response, request: requests.PreparedRequest) -> requests.Response:
    response = requests.Response()
    response.status_code = answer.status_code
    response.headers.update(answer.headers)
    response.headers.pop("content-encoding", None)  # our client has decoded it
    response.encoding = "utf-8"
    response.raw = BytesIO(answer.content)
    response.url = str(request.url)
    response.request = request
    return response


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _bytes(body: Any) -> bytes | None:
    return body.encode() if isinstance(body, str) else body


def http_date(version: str) -> str:
    """A SystemModstamp as an HTTP date: `Sat, 21 Nov 2026 10:00:00 GMT`."""
    return format_datetime(datetime.fromisoformat(version).astimezone(UTC), usegmt=True)
