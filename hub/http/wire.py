"""One exchange with another machine: timed, bounded, paced, and with our errors.

Wire     repeats a safe call whose connection failed, and names what went wrong
 └ Pool  opens connections when they are needed, and reads answers up to a limit
"""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import version
from pathlib import Path

import httpx
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    retry_if_result,
    stop_after_attempt,
    stop_before_delay,
    wait_random_exponential,
)

from hub.errors import Permanent, SyncError, Transient
from hub.http.pace import Clock, Pace, Sleep
from hub.http.status import called, shorten, veiled

CONNECT_TIMEOUT = POOL_TIMEOUT = timedelta(seconds=5)
READ_TIMEOUT = timedelta(seconds=30)  # of silence
MAX_BYTES = 64 * 1024 * 1024  # of one answer, unpacked
MAX_SECONDS = 300.0  # for one answer to arrive in full, however steadily it drips

AS_IT_COMES = {"hub_as_it_comes": True}
"""The extension of a request whose answer is not read here."""
GOES_AGAIN = {"hub_goes_again": True}
"""The extension of a request whose body, in pieces, can be gone through more than once."""
PIECE = 256 * 1024  # bytes of such an answer that are in memory at a time

_SAFE_TO_REPEAT = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110 9.2.1
_PASSING = frozenset({502, 503, 504})
_TRIES, _TRIES_SECONDS = 3, 20  # longer waits belong to the queue
_FAILED = (httpx.TransportError, httpx.DecodingError)


class Pool(httpx.BaseTransport):
    """The network, or `transport` in its place; safe to share between threads.

    Connections and the TLS context (some 20 ms to make) are opened with the first request.
    Trusts `ca_file` (PEM) instead of the public authorities when it is given.
    """

    def __init__(
        self,
        transport: httpx.BaseTransport | None = None,
        *,
        ca_file: Path | None = None,
        max_bytes: int = MAX_BYTES,
        clock: Clock = time.monotonic,
    ) -> None:
        self._transport, self._ca_file = transport, ca_file
        self._max_bytes, self._clock = max_bytes, clock
        self._opened: dict[str, httpx.BaseTransport] = {}
        self._closed = False
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer, read and unpacked; raises httpx's errors, or `Permanent`."""
        began = self._clock()
        answer = self._for(request).handle_request(request)
        answer.request = request
        if AS_IT_COMES.keys() <= request.extensions.keys() and answer.is_success:
            return answer
        try:
            body = b"".join(self._bounded(answer, began))
        finally:
            answer.close()
        headers = answer.headers
        if "content-encoding" in headers:  # the body is unpacked by now
            headers = httpx.Headers(
                [
                    h
                    for h in headers.raw
                    if h[0].lower() not in (b"content-encoding", b"content-length")
                ]
            )
        return httpx.Response(
            answer.status_code, headers=headers, content=body, extensions=answer.extensions
        )

    def close(self) -> None:
        """Close what was opened here, not a `transport` that was given; nothing is sent any more."""
        with self._lock:
            self._closed = True
            for transport in self._opened.values():
                transport.close()
            self._opened.clear()

    def _bounded(self, answer: httpx.Response, began: float) -> Iterator[bytes]:
        size = 0
        for chunk in answer.iter_bytes():
            size += len(chunk)
            if size > self._max_bytes:
                raise Permanent(
                    f"{called(answer.request)}: the answer is larger than "
                    f"{self._max_bytes:,} bytes: ask for smaller pages"
                )
            if self._clock() - began > MAX_SECONDS:
                raise httpx.ReadError(f"the answer was not complete after {MAX_SECONDS:.0f} s")
            yield chunk

    def _for(self, request: httpx.Request) -> httpx.BaseTransport:
        scheme = request.url.scheme
        with self._lock:
            if self._closed:
                raise Transient(f"{called(request)}: not sent, we are shutting down")
            if self._transport is not None:
                return self._transport
            if scheme not in self._opened:
                self._opened[scheme] = httpx.HTTPTransport(verify=self._trust(scheme))
            return self._opened[scheme]

    def _trust(self, scheme: str) -> ssl.SSLContext:
        if scheme != "https":
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # cheap; trusts nobody
        if self._ca_file is None:
            return httpx.create_ssl_context()
        try:
            return ssl.create_default_context(cafile=self._ca_file)
        except (OSError, ssl.SSLError) as error:
            raise Permanent(
                f"ca_file: {self._ca_file} cannot be used: {error.strerror or error} "
                "(a file with certificates in PEM is needed)"
            ) from error


class Wire(httpx.BaseTransport):
    """Waits for its turn before each request, and turns what fails into our errors.

    Repeats GET, HEAD and OPTIONS up to three times within 20 s; nothing else, ever.
    """

    def __init__(self, pool: Pool, pace: Pace | None, sleep: Sleep) -> None:
        self._pool, self._pace, self._sleep = pool, pace, sleep

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            if request.method in _SAFE_TO_REPEAT:
                return self._repeated(request)
            return self._once(request)
        except httpx.LocalProtocolError:
            # Its text may quote a header, and so a secret: neither shown nor chained.
            raise Permanent(
                f"{called(request)}: our request is malformed, nothing was sent"
            ) from None
        except _FAILED as error:
            raise _error_of(request, error) from error

    def _repeated(self, request: httpx.Request) -> httpx.Response:
        tries = Retrying(
            retry=retry_if_exception_type(_FAILED) | retry_if_result(_is_passing),
            stop=stop_after_attempt(_TRIES) | stop_before_delay(_TRIES_SECONDS),
            wait=wait_random_exponential(multiplier=0.25, max=5),
            sleep=self._sleep,
            retry_error_callback=_last_outcome,
        )
        return tries(self._once, request)

    def _once(self, request: httpx.Request) -> httpx.Response:
        if self._pace is not None:
            self._pace.wait()
        return self._pool.handle_request(request)


@contextmanager
def breaking_off(request: httpx.Request) -> Iterator[None]:
    """Our errors for what goes wrong while an answer is read as it comes."""
    try:
        yield
    except _FAILED as error:
        raise _error_of(request, error) from error


def open_client(
    wire: Wire, auth: httpx.Auth | None = None, *, silence: timedelta = READ_TIMEOUT
) -> httpx.Client:
    """An httpx client over `wire`: no redirects, no cookies, nothing from the environment."""
    logging.getLogger("httpx").addFilter(_without_query)
    return httpx.Client(
        transport=wire,
        auth=auth,
        timeout=httpx.Timeout(
            silence.total_seconds(),
            connect=CONNECT_TIMEOUT.total_seconds(),
            pool=POOL_TIMEOUT.total_seconds(),
        ),
        follow_redirects=False,
        trust_env=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        headers={"User-Agent": f"csm-hub/{version('csm-hub')}"},
    )


def _without_query(record: logging.LogRecord) -> bool:
    """httpx logs each URL: keep queries, which may hold secrets, out of the log."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            a.copy_with(query=None) if isinstance(a, httpx.URL) else a for a in record.args
        )
    return True


def _is_passing(response: httpx.Response) -> bool:
    return response.status_code in _PASSING and "retry-after" not in response.headers


def _last_outcome(state: RetryCallState) -> object:
    assert state.outcome is not None
    return state.outcome.result()


def _error_of(request: httpx.Request, error: httpx.RequestError) -> SyncError:
    limits = request.extensions["timeout"]
    match error:
        case httpx.ConnectTimeout():
            cause = f"no connection within {limits['connect']:g} s"
        case httpx.ReadTimeout():
            cause = f"no answer within {limits['read']:g} s"
        case httpx.PoolTimeout():
            cause = f"all our connections were busy for {limits['pool']:g} s"
        case _:
            cause = f"{type(error).__name__}: {shorten(veiled(str(error), request))}"
    if "CERTIFICATE_VERIFY_FAILED" in cause:
        cause += " (set the connection's ca_file if they have a certificate authority of their own)"
    return Transient(f"{called(request)}: {cause}")
