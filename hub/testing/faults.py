"""Faults that a sandbox has on order: what goes wrong, with which request, and how often."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from hub.testing.wire import Answer, BadCommand, Request


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Which requests: `method` ("*" for any), `path` (a regular expression found anywhere in the
    path), `contains` (text found in the body). `skip` lets that many of them pass first; `times`
    says how many are struck then, None for all.

    What happens to them:
    status, headers, body  answered in the vendor's place, who never hears of it; without a
                           `status`, the headers and the body replace those of its real answer
    delay                  seconds to wait before anything else
    drop="before"          the connection is reset, the vendor never hears of the request
    drop="after"           the vendor does what it was asked, then the connection is reset
    truncate               the answer ends after that many bytes, and the connection with it
    """

    method: str = "*"
    path: str = ""
    contains: str = ""
    times: int | None = 1
    skip: int = 0
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    delay: float = 0.0
    drop: Literal["before", "after"] | None = None
    truncate: int | None = None

    def __post_init__(self) -> None:
        if self.drop not in {None, "before", "after"}:
            raise BadCommand(f'fault: drop is "before" or "after", not {self.drop!r}')
        try:
            re.compile(self.path)
        except re.error as error:
            raise BadCommand(
                f"fault: path {self.path!r} is no regular expression: {error}"
            ) from error

    def strikes(self, request: Request) -> bool:
        return (
            self.method in {"*", request.method}
            and re.search(self.path, request.path) is not None
            and self.contains.encode() in request.body
        )

    def instead(self) -> Answer | None:
        """The answer given in the vendor's place."""
        if self.status is None:
            return None
        return Answer(self.status, self.headers, self.body)

    def over(self, answer: Answer) -> Answer:
        """The vendor's answer with this fault's headers and body."""
        body = answer.body if self.body is None else self.body
        return Answer(answer.status, {**answer.headers, **self.headers}, body)


@dataclass(slots=True)
class _Waiting:
    fault: Fault
    skip: int
    left: int | None


class Faults:
    """The faults on order, struck in the order in which they were added."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._waiting.append(_Waiting(fault, fault.skip, fault.times))

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def take(self, request: Request) -> Fault | None:
        """The fault that strikes this request, which uses it up by one."""
        with self._lock:
            for waiting in self._waiting:
                if not waiting.fault.strikes(request):
                    continue
                if waiting.skip:
                    waiting.skip -= 1
                    continue
                if waiting.left is not None:
                    waiting.left -= 1
                    self._waiting = [w for w in self._waiting if w.left != 0]
                return waiting.fault
        return None

    def shown(self) -> list[dict[str, Any]]:
        """What is still on order, as JSON; `times` and `skip` are what is left of them."""
        with self._lock:
            return [
                {f.name: getattr(w.fault, f.name) for f in fields(Fault)}
                | {"times": w.left, "skip": w.skip}
                for w in self._waiting
            ]


def read(command: object) -> Fault:
    """A fault from its JSON; raises `BadCommand` for a field that faults do not have."""
    if not isinstance(command, dict):
        raise BadCommand("a fault is a JSON object")
    known = {f.name for f in fields(Fault)}
    if unknown := sorted(set(command) - known):
        raise BadCommand(
            f"faults have no {', '.join(unknown)}; they have {', '.join(sorted(known))}"
        )
    return Fault(**command)
