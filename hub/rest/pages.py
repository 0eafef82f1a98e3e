"""From one page to the next: how it is asked for, and what an answer says of the one after it."""

from __future__ import annotations

from collections.abc import Mapping

from hub.errors import Permanent
from hub.http import Response
from hub.http.safe import Origin, shown
from hub.http.status import called
from hub.rest.envelope import Envelope
from hub.rest.language import Pages

Next = str | int
"""A number, an offset, a cursor of theirs, or a whole address."""
Params = Mapping[str, str]


def request(
    how: Pages | None, at: Next | None, path: str, params: Params
) -> tuple[str, Params | None]:
    """Where the page at `at` is asked for, and with which parameters; None is the first page."""
    if how is None:
        return path, params
    match how.by:
        case "page":
            return path, {**params, how.parameter: str(how.first if at is None else at)}
        case "offset":
            return path, {**params, how.parameter: str(at or 0)}
        case "cursor" | "keyset":
            if at is None:
                return path, params
            return path, {**({} if how.alone else params), how.parameter: str(at)}
        case "link" | "next_url":
            return (path, params) if at is None else (str(at), None)


def more(how: Pages | None, envelope: Envelope) -> bool:
    """Whether they say, or let us hope, that there is another page."""
    if how is None:
        return False
    if how.more:
        return bool(envelope.beside[how.more])
    return bool(envelope.records) or how.by in {"cursor", "link", "next_url"}


def following(
    how: Pages | None, response: Response, envelope: Envelope, at: Next | None
) -> Next | None:
    """The page after this one, None after the last.

    Raises `Permanent` for a link to another host: nothing of it is followed or kept.
    """
    if how is None or not more(how, envelope):
        return None
    match how.by:
        case "page":
            return int(how.first if at is None else at) + 1
        case "offset":
            return int(at or 0) + len(envelope.records)
        case "link":
            return _link(response, response.links.get("next", {}).get("url"))
        case "next_url":
            return _link(response, envelope.beside[how.next])
        case "cursor" | "keyset":
            return _cursor(response, envelope.beside[how.next], how.next)


def paths(how: Pages | None) -> tuple[str, ...]:
    """What must be read of an answer beside its records."""
    return () if how is None else tuple(filter(None, (how.next, how.more)))


def _cursor(response: Response, value: object, path: str) -> Next | None:
    if value is None or value is False or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Permanent(f"{called(response.request)}: {path} is {value!r:.60}, not a cursor")
    return value


def _link(response: Response, link: object) -> str | None:
    """The address of a link, which is ours to follow on the origin that we asked and no other."""
    if not link:
        return None
    here = response.request.url
    try:
        there = here.join(str(link))
        strange = Origin.of(there) != Origin.of(here) or there.userinfo
    except ValueError:  # httpx.InvalidURL too
        raise Permanent(f"{called(response.request)}: cannot follow a malformed link") from None
    if strange:
        raise Permanent(
            f"{called(response.request)}: refused to follow a link to {shown(there)}: our "
            "credentials are only for the connection's own scheme, host and port"
        )
    return str(there)
