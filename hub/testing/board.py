"""One page in a browser that steers many sandboxes: clock, faults, emit, mutate, journal.

Plain forms, no script, nothing from elsewhere. It is served on this machine only, to nobody who
calls it by another name (DNS rebinding), and acts on nobody's form but its own.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from html import escape
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as Asked
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from hub.testing import control
from hub.testing.host import LOOPBACK, listen
from hub.testing.mishaps import HTML, PAGE
from hub.testing.sandbox import Sandbox, serve
from hub.testing.wire import Answer, Request

SHOWN = 25
"""Requests of a journal that are shown, the newest first."""
MAX_FORM = 64 * 1024
READY: Mapping[str, Mapping[str, Any]] = {
    "429, wait 30 s": {"status": 429, "headers": {"Retry-After": "30"}},
    "429, wait unsaid": {"status": 429},
    "500": {"status": 500, "body": "something broke"},
    "503, an HTML page": {"status": 503, "headers": HTML, "body": PAGE[:200]},
    "401": {"status": 401, "body": "who are you?"},
    "reset before they hear of it": {"drop": "before"},
    "reset after they did it": {"drop": "after"},
    "an answer cut short": {"truncate": 20},
    "3 s of silence first": {"delay": 3.0},
}
"""Faults to choose from."""
_PAGE = Template(Path(__file__).with_name("board.html").read_text(encoding="utf-8"))


class Board:
    """ASGI: the page at `/`, and `/act` for what its forms ask for."""

    def __init__(self, sandboxes: Sequence[Sandbox]) -> None:
        self._sandboxes = {sandbox.name: sandbox for sandbox in sandboxes}
        self._token = secrets.token_urlsafe(24)
        self._told: dict[str, Answer] = {}
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = Asked(scope, receive)
        answer = await self._answer(asked)
        await answer(scope, receive, send)

    async def _answer(self, asked: Asked) -> Response:
        if asked.url.hostname not in {LOOPBACK, "localhost"}:
            return PlainTextResponse("this page is for this machine only", 403)
        match asked.method, asked.url.path:
            case "GET", "/":
                return await run_in_threadpool(self._page)
            case "POST", "/act":
                if int(asked.headers.get("content-length") or MAX_FORM + 1) > MAX_FORM:
                    return PlainTextResponse("this form is too large", 413)
                form = dict(parse_qsl((await asked.body()).decode("utf-8", "replace")))
                return await run_in_threadpool(self._act, form)
            case _:
                return PlainTextResponse("nothing is here; the page is at /", 404)

    def _act(self, form: dict[str, str]) -> Response:
        """Do what a form asks for, and show the page again."""
        if not secrets.compare_digest(form.get("token", "").encode(), self._token.encode()):
            return PlainTextResponse("this form is not of this page: load it again", 403)
        sandbox = self._sandboxes.get(form.get("sandbox", ""))
        if sandbox is None:
            return PlainTextResponse("there is no such sandbox", 404)
        answer = _obey(sandbox, form)
        with self._lock:
            self._told[sandbox.name] = answer
        return RedirectResponse(f"/#{sandbox.name}", 303)

    def _page(self) -> Response:
        nonce = secrets.token_urlsafe(16)
        names = list(self._sandboxes)
        with self._lock:
            told = dict(self._told)
        page = _PAGE.substitute(
            nonce=nonce,
            links=" ".join(f'<a href="#{escape(name)}">{escape(name)}</a>' for name in names),
            sections="\n".join(
                _section(sandbox, self._token, told.get(name))
                for name, sandbox in self._sandboxes.items()
            ),
        )
        policy = (
            f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; "
            "frame-ancestors 'none'; base-uri 'none'"
        )
        headers = {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        }
        return HTMLResponse(page, headers=headers)


@contextmanager
def board(sandboxes: Sequence[Sandbox], port: int = 0) -> Iterator[str]:
    """Serve the sandboxes, each on a port of its own, and the page; the page's address."""
    with ExitStack() as stack:
        for sandbox in sandboxes:
            stack.enter_context(serve(sandbox))
        address = stack.enter_context(listen(Board(sandboxes), port))
        yield f"{address.url}/"


# -- what forms ask for ------------------------------------------------------------------------------


def _obey(sandbox: Sandbox, form: Mapping[str, str]) -> Answer:
    """A form as the control request that it stands for."""
    asked: Mapping[str, tuple[str, str, object]] = {
        "advance": ("POST", "clock", {"advance": _number(form.get("seconds"))}),
        "freeze": ("POST", "clock", {"freeze": True}),
        "run": ("POST", "clock", {"run": True}),
        "fault": ("POST", "faults", _fault(form)),
        "clear": ("DELETE", "faults", None),
        "forget": ("DELETE", "journal", None),
        "mutate": ("POST", "mutate", form.get("command", "")),
        "emit": ("POST", "emit", form.get("command", "")),
    }
    if form.get("act") not in asked:
        return Answer(400, body={"error": "this page knows no such act"})
    return _control(sandbox, *asked[form["act"]])


def _fault(form: Mapping[str, str]) -> dict[str, Any]:
    ready = READY.get(form.get("ready", ""), {"status": 500})
    times = form.get("times", "1")
    return {
        **ready,
        "method": form.get("method") or "*",
        "path": form.get("path", ""),
        "times": int(times) if times.isdigit() and int(times) else None,
    }


def _control(sandbox: Sandbox, method: str, about: str, command: object) -> Answer:
    """As if somebody had asked `/__sim/...`; a text is sent as it is."""
    body = command if isinstance(command, str) else "" if command is None else json.dumps(command)
    return control.answer(sandbox, Request(method, control.PATH + about, body=body.encode()))


def _number(text: str | None) -> float | str:
    try:
        return float(text or "")
    except ValueError:
        return text or ""


# -- what is shown -------------------------------------------------------------------------------------


def _section(sandbox: Sandbox, token: str, told: Answer | None) -> str:
    name = escape(sandbox.name)
    clock = sandbox.clock
    frozen = " (frozen)" if clock.frozen else ""
    return f"""\
<section id="{name}">
<div class="head"><h2>{name}</h2><code>{escape(sandbox.url)}</code>
<span>{clock.now():%Y-%m-%d %H:%M:%S} UTC{frozen}</span></div>
{_outcome(told)}<div class="grid">
{_form(name, token, "Clock", _CLOCK)}
{_form(name, token, "Faults", _FAULTS)}
{_form(name, token, "Mutate: what a user does", _command("mutate", '{"do": "list", "stream": ""}'))}
{_form(name, token, "Emit: send webhooks", _command("emit", _EMIT))}
</div>
{_ordered(sandbox)}
{_journal(sandbox, name, token)}
<details><summary>Settings of a connection to it</summary><pre>{_json(sandbox.settings())}</pre></details>
</section>"""


def _form(name: str, token: str, title: str, inside: str) -> str:
    return f"""\
<fieldset><legend>{title}</legend><form method="post" action="/act">
<input type="hidden" name="token" value="{token}"><input type="hidden" name="sandbox" value="{name}">
{inside}</form></fieldset>"""


_CLOCK = """\
<label>seconds <input type="number" name="seconds" value="600" step="any"></label>
<button name="act" value="advance">Advance</button>
<button name="act" value="freeze">Freeze</button> <button name="act" value="run">Run</button>"""
_FAULTS = """\
<label>next <input type="number" name="times" value="1" min="0" title="0 for all"></label>
<label>requests to <input name="path" placeholder="any path" size="10"></label>
<select name="ready" aria-label="fault">{options}</select>
<button name="act" value="fault">Order</button> <button name="act" value="clear">Clear all</button>
""".format(options="".join(f"<option>{escape(one)}</option>" for one in READY))
_EMIT = '{"to": "http://127.0.0.1:8080/hooks/CONNECTION", "stream": "", "id": ""}'


def _command(act: str, example: str) -> str:
    return f"""\
<textarea name="command" rows="3" spellcheck="false" aria-label="{act}">{escape(example)}</textarea>
<button name="act" value="{act}">{act.title()}</button>"""


def _outcome(told: Answer | None) -> str:
    if told is None:
        return ""
    good = told.status < 400
    shown = told.body.get("result") if good and isinstance(told.body, dict) else told.body
    text = shown["error"] if isinstance(shown, dict) and "error" in shown else shown
    rest = shown.get("help", "") if isinstance(shown, dict) and not good else ""
    said = _json(text) if not isinstance(text, str) else escape(text)
    return f'<pre class="{"good" if good else "bad"}">{said}\n{escape(str(rest))}</pre>\n'


def _ordered(sandbox: Sandbox) -> str:
    waiting = sandbox.faults.shown()
    if not waiting:
        return ""
    lines = "\n".join(_json({k: v for k, v in one.items() if v}) for one in waiting)
    return f"<details open><summary>{len(waiting)} on order</summary><pre>{lines}</pre></details>"


def _journal(sandbox: Sandbox, name: str, token: str) -> str:
    entries = sandbox.journal.entries
    rows = "".join(
        f"<tr><td>{entry.at:%H:%M:%S}</td><td>{escape(entry.method)}</td>"
        f"<td>{escape(entry.path)}</td><td>{entry.status or 'cut'}</td>"
        f"<td>{escape(entry.fault)[:160]}</td></tr>"
        for entry in reversed(entries[-SHOWN:])
    )
    forget = _form(name, token, "", '<button name="act" value="forget">Forget them</button>')
    head = "<tr><th>at</th><th></th><th>path</th><th>status</th><th>fault</th></tr>"
    table = f"<table>{head}{rows}</table>{forget}" if rows else '<p class="soft">Nobody called.</p>'
    is_open = " open" if rows else ""
    return f"<details{is_open}><summary>Journal: {len(entries)} requests</summary>{table}</details>"


def _json(value: Any) -> str:
    return escape(json.dumps(value, default=str, ensure_ascii=False)[:4000])
