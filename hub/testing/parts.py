"""The parts of a batch: requests that come within another, and are answered within its answer."""

from __future__ import annotations

from collections.abc import Callable

from hub.testing.faults import Fault
from hub.testing.sandbox import Sandbox
from hub.testing.wire import Answer, Request

_CUT = Answer(500, body="something broke")


def part(sandbox: Sandbox, request: Request, ask: Callable[[Request], Answer]) -> Answer:
    """Answer one request of the batch that `sandbox` is answering, as if it had come alone.

    It has an entry of its own in the journal, and meets faults of its own. The connection is the
    batch's: a part that a fault would cut off is answered with 500, whether they did what it
    asked (`drop="after"`, `truncate`) or not (`drop="before"`). No part is delayed.
    """
    entry = sandbox.journal.add_part(request, sandbox.clock.now())
    fault = sandbox.faults.take(request)
    if fault is not None:
        entry.fault = repr(fault)
    answer = _answered(fault or Fault(), request, ask)
    entry.held = answer.status
    return answer


def _answered(fault: Fault, request: Request, ask: Callable[[Request], Answer]) -> Answer:
    if fault.drop == "before":
        return _CUT
    answer = fault.instead() or fault.over(ask(request))
    return _CUT if fault.drop == "after" or fault.truncate is not None else answer
