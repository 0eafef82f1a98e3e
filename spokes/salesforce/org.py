"""One Salesforce org as simple-salesforce sees it, with every request on *our* client.

simple-salesforce must own neither tokens nor the network. With 1.12.10, when it refreshes tokens
itself, one expired session made 980 API calls and 979 logins; headers such as If-Unmodified-Since
were lost on its retry; and it has no timeouts. So it is given a session id that is never used, and
a `requests` session whose only way out is `hub.http`: paced, timed out, signed, one origin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from io import BytesIO
from threading import Lock
from typing import Any, NamedTuple

import requests
from requests.adapters import BaseAdapter
from simple_salesforce.api import Salesforce as Sdk

import hub
from spokes.salesforce import composite, errors, multipart, soql
from spokes.salesforce.composite import Call

_OURS = {"authorization", "content-length", "connection", "user-agent", "accept-encoding"}
_NOISE = {"x-prettyprint"}  # the SDK asks for indented JSON: a third more bytes
Answered = Callable[[], hub.Response]
"""Gives the answer to one write, or raises the error that it stands for."""


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
        self._root = f"/services/data/v{version}/"
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

    def write(self, call: Call) -> hub.Response:
        """Send one write. Not by the SDK: it has no composite requests, and one way is enough."""
        where = self._root + call.path
        return self._send(call.method, where, json=call.body, headers=call.headers)

    def write_many(self, calls: Mapping[int, Call]) -> dict[int, Answered]:
        """Send up to `composite.MOST` writes in one request; how each was answered.

        Raises what concerns them all.
        """
        if not calls:
            return {}
        body = composite.body(self._root, list(calls.values()))
        answer = self._send("POST", f"{self._root}composite", json=body)
        parts = composite.parts(answer, len(calls))
        return {
            number: partial(
                self._http.part, call.method, self._root + call.path,
                part.httpStatusCode, part.headers, part.content,
            )
            for (number, call), part in zip(calls.items(), parts, strict=True)
        }  # fmt: skip

    def content(self, name: str, id: str) -> Iterator[bytes]:
        """The bytes of a file, as they come."""
        return self._http.stream(f"{self._root}sobjects/{name}/{id}/VersionData")

    def upload(self, name: str, data: hub.JsonObject, content: hub.Content) -> str:
        """Create a file with its content, as multipart/form-data of two parts; returns its id.

        https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/dome_sobject_insert_update_blob.htm
        """
        body = multipart.Body(data, content)
        headers = {"Content-Type": body.type, "Content-Length": str(body.size)}
        answer = self._send(
            "POST",
            f"{self._root}sobjects/{name}",
            content=body,
            headers=headers | composite.WRITING,
        )
        return composite.made(answer)

    def user(self) -> str:
        """The id of the user in whose name we work; asked once.

        The list of a version's resources names it, whatever the scopes of our token: `identity`.
        """
        if not self._user:
            told = self._http.get(self._root).json()
            self._user = str(told["identity"]).rpartition("/")[2]
        return self._user

    def delete(self, name: str, id: str) -> None:
        with errors.translated():
            self._object(name).delete(id)

    def _send(self, method: str, path: str, **request: Any) -> hub.Response:
        answer = self._http.request(method, path, **request)
        self._adapter.note(answer)
        return answer

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
        self.note(answer)
        return _as_requests(answer, request)

    def note(self, answer: hub.Response) -> None:
        """Remember what an answer says about the quota."""
        self.limit_info = answer.headers.get("sforce-limit-info", self.limit_info)

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
