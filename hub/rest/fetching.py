"""Reading single records: one request for each, or one for as many ids as they take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hub.errors import NotFound
from hub.http.status import called
from hub.rest.account import Account
from hub.rest.language import Fetch, Stream
from hub.rest.paths import value_at
from hub.rest.records import change_of, listed, parsed
from hub.spoke import Change


def fetch(account: Account, name: str, stream: Stream, ids: Sequence[str]) -> Iterator[Change]:
    """A change for every id; the data is None for those that there are not (any more)."""
    how = stream.fetch
    assert how is not None, "checked by hub.rest.checks: nothing is hinted at without `fetch`"
    if not how.ids:
        for id in ids:
            found = _single(account, name, stream, how, id)
            yield found if found is not None and found.id == id else Change(name, id, None)
        return
    for start in range(0, len(ids), how.at_once):
        some = list(dict.fromkeys(ids[start : start + how.at_once]))
        together = _together(account, name, stream, how, some)
        yield from (together.get(id) or Change(name, id, None) for id in some)


def _single(account: Account, name: str, stream: Stream, how: Fetch, id: str) -> Change | None:
    """The record; None if there is none. One merged into another is answered as that other."""
    try:
        response = account.get(account.path(how.path, id=id))
    except NotFound:
        return None
    return change_of(name, stream, value_at(parsed(response), stream.record))


def _together(
    account: Account, name: str, stream: Stream, how: Fetch, ids: Sequence[str]
) -> dict[str, Change]:
    response = account.get(account.path(how.path), {how.ids: ",".join(ids)})
    at = stream.records if how.records is None else how.records
    rows = listed(parsed(response), at, called(response.request))
    changes = (change_of(name, stream, row) for row in rows)
    return {change.id: change for change in changes}
