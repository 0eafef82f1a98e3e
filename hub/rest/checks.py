"""What only the whole of a `spoke.yaml` can tell: names that nobody declared, keys that need others.

The value of a name of a setting never shows in a fault: it may be the secret itself.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from hub.abilities import Counts
from hub.rest.auths import Auth
from hub.rest.language import Count, Declaration, Stream, Webhooks
from hub.rest.paths import names_in
from hub.spoke import Fetches, Pulls, Receives, Spoke, Subscribes, Writes

Where = tuple[str | int, ...]
Fault = tuple[Where, str]

BASES = (Spoke, Pulls, Fetches, Receives, Subscribes, Writes, Counts)
MANY = 20  # names: more than one reads through in a message
SECRETIVE = re.compile(
    r"auth|cookie|token|secret|passw|api[-_]?key|signature|credential", re.IGNORECASE
)
"""Names of headers and parameters whose value would be a secret in clear text."""
BY_TIME = {"page", "offset", "keyset"}
"""Ways of paging that find their place by the version of the last record."""


def suggestion(word: object, known: Iterable[str]) -> str:
    """`; did you mean 'streams'?`, or what there is, or nothing when that is too much."""
    names = sorted(known)
    close = difflib.get_close_matches(str(word), names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(names)}" if 0 < len(names) <= MANY else ""


def faults(declaration: Declaration, data: dict[Any, Any]) -> list[Fault]:
    """All faults; `data` is the file as it stands, with what was left out of the declaration."""
    names = {str(name) for name in _mapping(data, "settings")}
    streams = {str(name) for name in _mapping(data, "streams")}
    return [
        *_settings(declaration),
        *_auth(declaration, names),
        *_headers(declaration),
        *(
            fault
            for name, stream in declaration.streams.items()
            for fault in _stream(declaration, name, stream, names)
        ),
        *_webhooks(declaration, data, streams),
        *_idle(declaration),
    ]


def _mapping(data: dict[Any, Any], key: str) -> dict[Any, Any]:
    found = data.get(key)
    return found if isinstance(found, dict) else {}


# -- settings


def _settings(declaration: Declaration) -> Iterator[Fault]:
    for name, setting in declaration.settings.items():
        at: Where = ("settings", name)
        taken = name.startswith("model_") or any(hasattr(base, name) for base in BASES)
        if taken or name in Spoke.model_fields:
            yield at, "every spoke has this already; choose another name"
        if setting.secret and setting.default is not None:
            yield (*at, "default"), "a secret has none: it would stand here in clear text"


def unused(declaration: Declaration, data: dict[Any, Any]) -> Iterator[Fault]:
    """Settings that no other key names; of a faulty file this would say too much."""
    elsewhere = repr({key: value for key, value in data.items() if key != "settings"})
    for name in declaration.settings:
        if not re.search(rf"\b{name}\b", elsewhere):
            what = "nobody uses this setting; name it in auth, a path or webhooks, or remove it"
            yield ("settings", name), what


def _references(declaration: Declaration) -> Iterator[tuple[Where, str, bool]]:
    """Where settings are named, what they are called there, and whether it must be a secret."""
    yield from _references_of_auth(declaration.auth or Auth.model_construct())
    webhooks = declaration.webhooks
    if webhooks:
        for index, name in enumerate(webhooks.secrets):
            yield ("webhooks", "secrets", index), name, True
        if webhooks.handshake and webhooks.handshake.token:
            yield ("webhooks", "handshake", "token"), webhooks.handshake.token, True


def _references_of_auth(auth: Auth) -> Iterator[tuple[Where, str, bool]]:
    if auth.header:
        yield ("auth", "header", "secret"), auth.header.secret, True
    if auth.basic:
        yield ("auth", "basic", "user"), auth.basic.user, False
        yield ("auth", "basic", "password"), auth.basic.password, True
    if auth.bearer:
        yield ("auth", "bearer"), auth.bearer, True
    if auth.oauth2:
        yield ("auth", "oauth2", "client_id"), auth.oauth2.client_id, False
        yield ("auth", "oauth2", "client_secret"), auth.oauth2.client_secret, True
    if auth.hmac:
        yield ("auth", "hmac", "secret"), auth.hmac.secret, True
        if auth.hmac.key_id:
            yield ("auth", "hmac", "key_id", "setting"), auth.hmac.key_id.setting, False


def _auth(declaration: Declaration, names: set[str]) -> Iterator[Fault]:
    for where, name, secret in _references(declaration):
        setting = declaration.settings.get(name)
        if name not in names:
            hint = suggestion(name, names) or "; there are none"
            yield where, f"must be the name of one of `settings`, never a value{hint}"
        elif secret and setting is not None and not setting.secret:
            yield where, f"the setting {name} is shown in clear text; write `{name}: secret`"
    auth = declaration.auth
    if auth and auth.oauth2:
        yield from _token_url(auth.oauth2.token_url, declaration.hosts)


def _token_url(url: str, hosts: list[str]) -> Iterator[Fault]:
    at: Where = ("auth", "oauth2", "token_url")
    if url.startswith("/") and "//" not in url:
        return
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        parts, host = urlsplit(""), ""
    suffixes = [suffix.removeprefix("*").removeprefix(".") for suffix in hosts]
    if not host or parts.scheme != "https" or parts.username is not None:
        yield at, "must be a path on the connection's own host, or an https address within `hosts`"
    elif not any(host == suffix or host.endswith(f".{suffix}") for suffix in suffixes):
        yield at, "leads to a host that `hosts` does not allow: add it there"


def _headers(declaration: Declaration) -> Iterator[Fault]:
    for name, value in declaration.headers.items():
        if SECRETIVE.search(name):
            yield (
                ("headers", name),
                "would be a secret in clear text; declare it under `settings` and use `auth`",
            )
        if not value.isascii() or not value.isprintable():
            yield ("headers", name), "has a character that no header may hold"


# -- streams


def _stream(
    declaration: Declaration, name: str, stream: Stream, names: set[str]
) -> Iterator[Fault]:
    at: Where = ("streams", name)
    for where, text, allowed in _filled(stream):
        for word in names_in(text):
            setting = declaration.settings.get(word)
            if word not in allowed and word not in names:
                yield (*at, *where), f"{{{word}}} is nothing{suggestion(word, names | allowed)}"
            elif word not in allowed and setting and setting.secret:
                yield (*at, *where), f"{{{word}}} is a secret: no address may hold one"
        for word in sorted(allowed - set(names_in(text))):
            yield (*at, *where), f"needs {{{word}}}: which record is meant?"
    for where, _ in _parameters(stream):
        if SECRETIVE.search(str(where[-1])):
            yield (*at, *where), "would be a secret in clear text, in an address; use `auth`"
    yield from ((at + where, what) for where, what in _reading(stream))
    yield from ((at + where, what) for where, what in _writing(stream))


def _filled(stream: Stream) -> Iterator[tuple[Where, str, set[str]]]:
    """Where something is filled in, the text, and what it needs beside settings."""
    for key in ("create", "update", "delete"):
        call = getattr(stream, key)
        if call:
            yield (key,), call.path, set[str]() if key == "create" else {"id"}
    if stream.fetch:
        need = set[str]() if stream.fetch.ids else {"id"}
        yield ("fetch", "path"), stream.fetch.path, need
    if stream.path:
        yield ("path",), stream.path, set()
    if stream.tombstones and stream.tombstones.path:
        yield ("tombstones", "path"), stream.tombstones.path, set()
    if stream.find and stream.find.path:
        yield ("find", "path"), stream.find.path, set()
    if stream.count and stream.count.path:
        yield ("count", "path"), stream.count.path, set()
    for where, value in _parameters(stream):
        if isinstance(value, str):
            yield where, value, set()


def _parameters(stream: Stream) -> Iterator[tuple[Where, str | int | bool]]:
    """The fixed parameters of a list, and of its counting."""
    for key, value in stream.query.items():
        yield ("query", key), value
    for key, value in (stream.count.query if stream.count else {}).items():
        yield ("count", "query", key), value


def _counting(stream: Stream, count: Count) -> Iterator[Fault]:
    if stream.nested and not count.path:
        yield ("count",), "counts what holds the records, not them; leave it out, or give a `path`"
    if count.whole and not stream.since:
        yield ("count", "whole"), "goes without saying where the list has no `since`"


def _reading(stream: Stream) -> Iterator[Fault]:
    if stream.path is None:
        for key in ("pages", "since", "tombstones", "nested", "count"):
            if getattr(stream, key) is not None:
                yield (key,), "is for a list; say with `path` where the list is"
        return
    if stream.count:
        yield from _counting(stream, stream.count)
    by = stream.pages.by if stream.pages else ""
    if by == "keyset" and stream.since is None:
        yield ("pages", "by"), "keyset pages by time and id; it needs `since`"
    if stream.since and by in BY_TIME and not stream.version:
        yield ("version",), f"is needed: by: {by} with `since` goes on after the last version"
    if stream.tombstones and stream.since and by in BY_TIME:
        yield (
            ("tombstones",),
            f"do not go with by: {by} and `since`; use `deleted`, a field of records",
        )
    if by == "keyset" and stream.since and stream.since.format == "date":
        yield ("since", "format"), "a day is too coarse for a keyset; use iso, epoch or epoch_ms"
    if stream.nested and stream.since and by in BY_TIME:
        yield (
            ("nested",),
            f"does not go with by: {by} and `since`; a list inside has no place there",
        )


def _writing(stream: Stream) -> Iterator[Fault]:
    if stream.find and not stream.create:
        yield ("find",), "is asked before a creation; say with `create` how one is made"
    if stream.find and not stream.external_key:
        yield ("find",), "needs `external_key`: the field of theirs that takes our key"
    if stream.etag and not stream.update:
        yield ("etag",), "is for updates; say with `update` how one is made"
    if stream.etag and not stream.version:
        yield ("etag",), "needs `version`: where the version stands in a record"
    if stream.create and not (
        stream.find or stream.idempotency_key or stream.create.method == "PUT"
    ):
        what = (
            "would make a second record when an answer is lost; add `idempotency_key` (a header), "
            "or `find` and `external_key`"
        )
        yield ("create",), what


# -- webhooks


def _webhooks(declaration: Declaration, data: dict[Any, Any], streams: set[str]) -> Iterator[Fault]:
    webhooks = declaration.webhooks
    if webhooks is None:
        return
    yield from _scheme(webhooks)
    several = len(webhooks.events) > 1 or "*" not in webhooks.events
    if webhooks.event is None and several:
        yield (
            ("webhooks", "events"),
            "say with `event` where an event's name stands, or call it '*'",
        )
    for name, event in webhooks.events.items():
        at: Where = ("webhooks", "events", name)
        if "*" in name[:-1]:
            yield at, "a * stands at the end of a name only: order.*"
        stream = declaration.streams.get(event.stream)
        if event.stream not in streams:
            what = f"there is no such stream{suggestion(event.stream, streams)}"
            yield (*at, "stream"), what
        elif (
            stream
            and event.record is None
            and not event.gone
            and "fetch" not in _mapping(_mapping(data, "streams"), event.stream)
        ):
            yield (
                at,
                f"tells an id only, and {event.stream} has no `fetch`; add it, or use `record`",
            )


def _scheme(webhooks: Webhooks) -> Iterator[Fault]:
    scheme = webhooks.scheme
    if scheme == "static":
        if (webhooks.header is None) == (webhooks.query is None):
            yield ("webhooks", "scheme"), "static needs `header` or `query`: where their secret is"
        if webhooks.encoding is not None:
            yield ("webhooks", "encoding"), "static sends the secret itself"
        return
    if webhooks.query is not None:
        yield ("webhooks", "query"), "is for scheme: static only"
    for key in ("prefix", "encoding"):
        if getattr(webhooks, key) is not None and scheme not in {
            "github",
            "shopify",
            "woocommerce",
        }:
            yield ("webhooks", key), f"{scheme} fixes this; it is for github, shopify, woocommerce"


def _idle(declaration: Declaration) -> Iterator[Fault]:
    """Streams of which nothing is ever read or written."""
    events = declaration.webhooks.events.values() if declaration.webhooks else ()
    told = {event.stream for event in events}
    for name, stream in declaration.streams.items():
        used = stream.path or stream.fetch or stream.create or stream.update or name in told
        if not used:
            yield ("streams", name), "does nothing; give it `path`, `fetch`, `create` or an event"
