"""The control paths of a sandbox: its clock, faults and journal, and what its users do.

    GET    /__sim/           this text
    GET    /__sim/clock      {"now": ISO time, "frozen": bool}
    POST   /__sim/clock      {"set": ISO time} {"advance": seconds} {"freeze": true} {"run": true}
    GET    /__sim/faults     what is still on order
    POST   /__sim/faults     one fault or a list: {"path": "/orders", "status": 503, "times": 2}
    DELETE /__sim/faults     order nothing
    GET    /__sim/journal    the requests received, secrets masked
    DELETE /__sim/journal    forget them
    POST   /__sim/mutate     a command: what a user does in the vendor's screens
    POST   /__sim/emit       a command: send webhooks

A command that is not understood gets 400 with this help.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from hub.testing import faults
from hub.testing.wire import Answer, BadCommand, Request

if TYPE_CHECKING:
    from hub.testing.sandbox import Sandbox

PATH = "/__sim/"


def answer(sandbox: Sandbox, request: Request) -> Answer:
    """Obey one control request; 400 with help for what is not understood."""
    asked = (request.method, request.path.removeprefix(PATH))
    if asked[1] == "":
        return Answer(body=__doc__ or "")
    command = COMMANDS.get(asked)
    if command is None:
        return Answer(404, body={"error": f"no {request.method} {request.path}", "help": __doc__})
    try:
        body = request.json() if request.body else {}
        return Answer(body={"result": command(sandbox, body)})
    except (ValueError, LookupError, TypeError) as error:
        why = str(error) if isinstance(error, BadCommand) else f"{type(error).__name__}: {error}"
        return Answer(400, body={"error": why, "help": _help(sandbox, asked[1])})


def _help(sandbox: Sandbox, about: str) -> str:
    if about in {"mutate", "emit"}:
        # What the vendor adds, then what all of them understand.
        told = {inspect.getdoc(getattr(kind, about, None)) for kind in type(sandbox).__mro__}
        return "\n\n".join(sorted(text for text in told if text))
    return __doc__ or ""


def _clock(sandbox: Sandbox, _: object) -> Any:
    return {"now": sandbox.clock.now().isoformat(), "frozen": sandbox.clock.frozen}


def _set_clock(sandbox: Sandbox, command: object) -> Any:
    match command:
        case {"set": str(at), **rest} if not rest:
            sandbox.clock.set(datetime.fromisoformat(at))
        case {"advance": int(seconds) | float(seconds), **rest} if not rest:
            sandbox.clock.advance(timedelta(seconds=seconds))
        case {"freeze": True, **rest} if not rest:
            sandbox.clock.freeze()
        case {"run": True, **rest} if not rest:
            sandbox.clock.run()
        case _:
            raise BadCommand(f"the clock does not understand {command!r}")
    return _clock(sandbox, None)


def _faults(sandbox: Sandbox, _: object) -> Any:
    return sandbox.faults.shown()


def _add_faults(sandbox: Sandbox, command: object) -> Any:
    for fault in [
        faults.read(one) for one in (command if isinstance(command, list) else [command])
    ]:
        sandbox.faults.add(fault)
    return sandbox.faults.shown()


def _clear_faults(sandbox: Sandbox, _: object) -> Any:
    sandbox.faults.clear()
    return []


def _journal(sandbox: Sandbox, _: object) -> Any:
    return [entry.shown() for entry in sandbox.journal]


def _clear_journal(sandbox: Sandbox, _: object) -> Any:
    sandbox.journal.clear()
    return []


def _mutate(sandbox: Sandbox, command: object) -> Any:
    with sandbox.lock:
        return sandbox.mutate(_object(command))


def _emit(sandbox: Sandbox, command: object) -> Any:
    return sandbox.emit(_object(command))


def _object(command: object) -> dict[str, Any]:
    if not isinstance(command, dict):
        raise BadCommand(f"a command is a JSON object, not {command!r}")
    return command


COMMANDS: dict[tuple[str, str], Callable[[Sandbox, object], Any]] = {
    ("GET", "clock"): _clock,
    ("POST", "clock"): _set_clock,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _add_faults,
    ("DELETE", "faults"): _clear_faults,
    ("GET", "journal"): _journal,
    ("DELETE", "journal"): _clear_journal,
    ("POST", "mutate"): _mutate,
    ("POST", "emit"): _emit,
}
