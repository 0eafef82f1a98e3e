"""The network between a spoke and its sandbox, watched: where requests go, and how many bytes pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from hub.http import Request, Response, Transport
from hub.http.wire import Pool

FOREIGN = b"of somebody else"


class Watched(Transport):
    """Carries requests to `url`, and answers those to anywhere else itself, with `FOREIGN`.

    `sent` and `received` count the bytes of bodies as they pass. `said` changes what answers in
    JSON say. Not for several threads.
    """

    def __init__(
        self, url: str, ca_file: Path | None = None, said: Callable[[Any], Any] | None = None
    ) -> None:
        self._url, self._said = url, said
        self._pool = Pool(ca_file=ca_file)
        self.sent = self.received = 0
        self.strayed: list[str] = []
        """The addresses elsewhere that were asked."""

    def handle_request(self, request: Request) -> Response:
        if not str(request.url).startswith(f"{self._url}/"):
            self.strayed.append(str(request.url))
            return Response(200, content=FOREIGN)
        answer = self._pool.handle_request(self._leaving(request))
        told = answer.headers.get("content-type", "")
        if self._said is not None and told.startswith("application/json"):
            body = orjson.dumps(self._said(orjson.loads(answer.read())))
            headers = {k: v for k, v in answer.headers.items() if k != "content-length"}
            return Response(answer.status_code, headers=headers, content=body)
        return Response(
            answer.status_code,
            headers=answer.headers,
            content=self._arriving(answer),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        self._pool.close()

    def _leaving(self, request: Request) -> Request:
        """The same request, whose body is counted while it is read."""
        if not {"content-length", "transfer-encoding"} & request.headers.keys():
            return request
        stream = request.stream
        assert isinstance(stream, Iterable)
        return Request(
            request.method,
            request.url,
            headers=request.headers,
            content=self._counted(stream),
            extensions=request.extensions,
        )

    def _counted(self, body: Iterable[bytes]) -> Iterator[bytes]:
        for piece in body:
            self.sent += len(piece)
            yield piece

    def _arriving(self, answer: Response) -> Iterator[bytes]:
        try:
            if answer.is_stream_consumed:  # it was read on the way
                self.received += len(answer.content)
                yield answer.content
                return
            for piece in answer.iter_raw():
                self.received += len(piece)
                yield piece
        finally:
            answer.close()
