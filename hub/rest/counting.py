"""Asking how many records a stream has: in an answer of its list, or where they count."""

from __future__ import annotations

from datetime import datetime

from hub.errors import Permanent
from hub.http.status import called
from hub.rest.language import Count
from hub.rest.paths import value_at
from hub.rest.place import asked
from hub.rest.records import parsed
from hub.rest.source import Source


def counted(source: Source, how: Count, since: datetime | None) -> int | None:
    """How many there are, or changed since; None where they count but the whole.

    Raises `Permanent` if there is no number in the answer.
    """
    told = source.stream.since
    if since is not None and (told is None or how.whole):
        return None
    account = source.account
    more = {key: account.parameter(value) for key, value in how.query.items()}
    window = {} if how.whole else asked(told, since, None)
    if how.path:
        response = account.get(account.path(how.path), {**more, **window})
    else:
        response = source.ask(None, {**more, **window})
    number = value_at(parsed(response), how.at)
    if isinstance(number, str) and number.isdecimal():
        number = int(number)
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        where = repr(how.at) if how.at else "the top"
        raise Permanent(
            f"{called(response.request)}: {number!r:.60} at {where} is no number of records: "
            f"compare `count` of {source.name}"
        )
    return number
