"""Who is in which group: pairs of a group and a user, tracked on their own.

A group's rows name who joined and who left, over as many rows and pages as they like. Each name is
a change of the pair `<group>|<user>`; the rest of the row is not looked at. Members that are no
users (groups, devices, applications) make no pair.
https://learn.microsoft.com/graph/delta-query-groups
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import groupby

import hub
from spokes.entra import delta, graph
from spokes.entra.delta import Place
from spokes.entra.graph import GUID, MEMBERS, Member

NAME = "memberships"
_COLUMNS = (MEMBERS,)
_USER = ("user", "")  # an entry may lack its type
_BETWEEN = "|"

Get = Callable[[str], hub.JsonObject]
Members = Callable[[str], Iterable[Member]]
Pair = tuple[str, str]
"""The ids of a group and of a user in it."""


def pull(get: Get, members: Members, cursor: hub.Cursor | None, url: str) -> Iterator[hub.Page]:
    """As `Pulls.pull`; `members` lists those of one group."""
    if cursor:
        place = delta.resume(cursor, _COLUMNS, url)
    else:
        place = Place(graph.tracked(graph.GROUPS, _COLUMNS), _COLUMNS, first=True)
    told, more = _Told(members), True
    while more:
        answer = get(place.link)
        changes = list(told.news(answer))
        place, more = delta.after(place, answer)
        yield hub.Page(changes, place.cursor())


def fetch(members: Members, ids: Sequence[str]) -> Iterator[hub.Change]:
    """Whether these pairs are there: a group is read once, however many of its pairs are asked for."""
    known = [(pair, id) for id in ids if (pair := _pair(id)) is not None]
    strange = set(ids) - {id for _, id in known}
    yield from (hub.Change(NAME, id, None) for id in ids if id in strange)
    for group, those in groupby(sorted(known), key=lambda one: one[0][0]):
        there = _users(members(group))
        for pair, id in those:
            yield _change(pair, there=pair[1] in there, id=id)


@dataclass(slots=True)
class _Told:
    """What one pull has told of each pair. A restart forgets it, and tells some of it again."""

    members: Members
    _joined: set[bytes] = field(default_factory=set[bytes])
    _left: set[bytes] = field(default_factory=set[bytes])

    def news(self, answer: hub.JsonObject) -> Iterator[hub.Change]:
        """What a page says that was not told, each pair once.

        Of a pair that is told both ways, on one page or on two, nobody knows which was later: the
        group's list, read after both, decides.
        """
        said: dict[Pair, set[bool]] = {}
        for pair, there in _entries(answer):
            said.setdefault(pair, set()).add(there)
        lists: dict[str, set[str]] = {}
        for pair, ways in said.items():
            group, user = pair
            there = any(ways)
            if len(ways) > 1 or self._was_told(pair, there=not there):
                if group not in lists:
                    lists[group] = _users(self.members(group))
                there = user in lists[group]
            if not self._was_told(pair, there=there):
                self._note(pair, there=there)
                yield _change(pair, there=there)

    def _was_told(self, pair: Pair, *, there: bool) -> bool:
        return _mark(pair) in (self._joined if there else self._left)

    def _note(self, pair: Pair, *, there: bool) -> None:
        now, before = (self._joined, self._left) if there else (self._left, self._joined)
        now.add(_mark(pair))
        before.discard(_mark(pair))


def _entries(answer: hub.JsonObject) -> Iterator[tuple[Pair, bool]]:
    """Each name of a user in the rows of a page, and whether it is there."""
    for row in answer["value"]:
        group = str(row["id"]).lower()
        for entry in row.get(delta.MEMBERS_DELTA) or ():
            user, kind = graph.member(entry)
            if kind in _USER:
                yield (group, user), delta.REMOVED not in entry


def _users(found: Iterable[Member]) -> set[str]:
    return {id for id, kind in found if kind in _USER}


def _change(pair: Pair, *, there: bool, id: str = "") -> hub.Change:
    group, user = pair
    id = id or _BETWEEN.join(pair)
    return hub.Change(NAME, id, {"id": id, "group": group, "user": user} if there else None)


def _pair(id: str) -> Pair | None:
    """What an id of ours names; None for what can be none."""
    group, _, user = id.lower().partition(_BETWEEN)
    return (group, user) if GUID.fullmatch(group) and GUID.fullmatch(user) else None


def _mark(pair: Pair) -> bytes:
    """Eight bytes: of a large tenant there are many."""
    return blake2b(_BETWEEN.join(pair).encode(), digest_size=8).digest()
