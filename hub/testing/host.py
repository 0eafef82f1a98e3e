"""A loopback HTTP server in a thread, able to cut a connection in the middle of anything."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

LOOPBACK = "127.0.0.1"
STARTS_WITHIN = 20.0
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on, for zero seconds: closing sends a reset, as a dying peer does."""


class PortTaken(OSError):
    """Another program listens there."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is reached; `ca_file` is the authority that a TLS client must trust."""

    url: str
    ca_file: Path | None


@contextmanager
def listen(app: ASGIApp, port: int = 0, *, tls: bool = False) -> Iterator[Address]:
    """Serve on 127.0.0.1 while the context lasts; port 0 takes a free one.

    Raises `PortTaken`. The `state` of a request's scope holds `transport`, for `cut`.
    """
    with tempfile.TemporaryDirectory(prefix="hub-sandbox-") as folder:
        certificate = _certify(Path(folder)) if tls else None
        with _bound(port) as sock:
            server = _Server(_config(app, certificate))
            thread = threading.Thread(
                target=server.run_until_told, args=(sock,), name="sandbox", daemon=True
            )
            thread.start()
            try:
                server.await_start()
                where = f"{LOOPBACK}:{sock.getsockname()[1]}"
                yield Address(
                    f"https://{where}" if certificate else f"http://{where}",
                    Path(folder) / "ca.pem" if certificate else None,
                )
            finally:
                server.end()
                thread.join()


def hang_up(transport: asyncio.Transport) -> None:
    """Send what was written so far, then close."""
    transport.close()


def cut(transport: asyncio.Transport) -> None:
    """Reset the connection now, with whatever was not sent yet."""
    sock = transport.get_extra_info("socket")
    if sock is not None and transport.get_extra_info("sslcontext") is None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()


class _Protocol(H11Protocol):
    """uvicorn's HTTP/1.1, which also shows the transport to the application."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # asyncio does so only for sockets that say IPPROTO_TCP, and create_server's do not: without
        # it every answer waits 40 ms for the client's delayed acknowledgement of its headers.
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app_state = {**self.app_state, "transport": transport}


class _Server(uvicorn.Server):
    """uvicorn's server, which starts, ends and hangs up at once instead of at the next tick."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self._ready.set()

    async def main_loop(self) -> None:
        await self._end.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        del sockets  # closed by whoever bound them
        for server in self.servers:
            server.close()
        for connection in self.server_state.connections:
            cut(connection.transport)
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def end(self) -> None:
        """Tell the server's thread to finish; does nothing for one that never started."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end.set)

    def run_until_told(self, sock: socket.socket) -> None:
        try:
            self.run(sockets=[sock])
        except BaseException as error:  # noqa: BLE001 -- told to the thread that waits for the start
            self._failure = error
        finally:
            self._ready.set()

    def await_start(self) -> None:
        if not self._ready.wait(STARTS_WITHIN) or not self.started:
            raise RuntimeError("the sandbox's server did not start") from self._failure


def _config(app: ASGIApp, certificate: Path | None) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=60,
        h11_max_incomplete_event_size=1 << 17,
        ssl_certfile=certificate,
        ssl_version=ssl.PROTOCOL_TLS_SERVER,
    )


@contextmanager
def _bound(port: int) -> Iterator[socket.socket]:
    try:
        sock = socket.create_server((LOOPBACK, port), backlog=512)
    except OSError as error:
        raise PortTaken(
            f"cannot listen on {LOOPBACK}:{port}: {error.strerror or error}; "
            "choose another port, or 0 for any free one"
        ) from error
    with sock:
        yield sock


def _certify(folder: Path) -> Path:
    try:
        import trustme
    except ImportError as error:
        raise RuntimeError(
            "this sandbox speaks TLS, which needs trustme: pip install 'csm-hub[sandbox]'"
        ) from error
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate = folder / "server.pem"
    authority.issue_cert(LOOPBACK, "localhost", "::1").private_key_and_cert_chain_pem.write_to_path(
        str(certificate)
    )
    return certificate
