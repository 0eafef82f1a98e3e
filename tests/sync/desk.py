"""Elsewhere behind real HTTP: a sandbox that takes one write in a call, or several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, ClassVar

import hub
from hub import errors
from hub.errors import SyncError
from hub.testing import Answer, BadCommand, Request, Sandbox, serve
from tests.sync.elsewhere import Elsewhere, System

AT_ONCE = 25


class DeskSandbox(Sandbox):
    """Writes over HTTP what `Elsewhere` writes in memory; a call has a list of writes."""

    name = "desk"

    def __init__(self) -> None:
        super().__init__()
        self.system = System()

    def answer(self, request: Request) -> Answer:
        spoke, stream = Elsewhere.of(self.system), hub.Stream(request.path.strip("/"))
        asked = request.json()
        if len(asked) > AT_ONCE or len({one["id"] or one["key"] for one in asked}) < len(asked):
            return Answer(400, body={"error": f"{len(asked)} writes, or a record twice"})
        return Answer(body=[_written(spoke, stream, hub.Write(**one)) for one in asked])

    def mutate(self, command: dict[str, Any]) -> Any:
        raise BadCommand(f"the tests change the system itself (asked for {command!r})")

    def settings(self) -> dict[str, Any]:
        return {"url": self.url, "sandbox": True}

    @property
    def calls(self) -> list[int]:
        """How many writes each call had."""
        return [len(hub.Webhook({}, entry.body).json()) for entry in self.journal]


def _written(spoke: Elsewhere, stream: hub.Stream, write: hub.Write) -> dict[str, Any]:
    try:
        return asdict(spoke.upsert(stream, write))
    except SyncError as error:
        return {"error": type(error).__name__, "said": str(error)}


class Desk(Elsewhere, hub.WritesMany):
    """Reads in memory, writes over HTTP."""

    rate = hub.Rate(calls=100_000)
    at_once: ClassVar[int] = AT_ONCE

    def upsert(self, stream: hub.Stream, write: hub.Write) -> hub.Receipt:
        [answer] = self.upsert_many(stream, [write])
        if isinstance(answer, SyncError):
            raise answer
        return answer

    def upsert_many(
        self, stream: hub.Stream, writes: Sequence[hub.Write]
    ) -> list[hub.Receipt | SyncError]:
        asked = [asdict(write) for write in writes]
        return [_read(one) for one in self.http.post(f"/{stream.name}", json=asked).json()]


def _read(answer: dict[str, str]) -> hub.Receipt | SyncError:
    if "error" in answer:
        raised: SyncError = getattr(errors, answer["error"])(answer["said"])
        return raised
    return hub.Receipt(**answer)


@contextmanager
def desk() -> Iterator[tuple[DeskSandbox, Desk]]:
    with serve(DeskSandbox()) as sandbox:
        spoke = Desk(**sandbox.settings())
        spoke._system = sandbox.system
        yield sandbox, spoke
        spoke.close()
