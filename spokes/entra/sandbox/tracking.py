"""Change tracking as Graph does it, at its least convenient, and the same each time.

A round is what was committed after its delta token and before it began. Every third page is
empty; every other one begins with a row of the page before; every other row has no more than what
changed; and a group's members are spread over many rows. Documented, all of it, as what a client
must bear: https://learn.microsoft.com/graph/delta-query-overview
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from zlib import crc32

from hub.testing import Answer
from spokes.entra.sandbox import asking
from spokes.entra.sandbox.directory import Commit, Directory
from spokes.entra.sandbox.refusal import BAD, JSON, STATE, Refused
from spokes.entra.sandbox.schema import MEMBERS, Kind

OPTIONS = frozenset({"$select", "$filter", "$deltatoken", "$skiptoken"})
LIFE = timedelta(days=7)
MEMBERS_PER_ROW = 20
_EMPTY_EVERY = 3

JsonObject = dict[str, Any]
Place = tuple[str, int, int]
"""Of a row in its round: when its object changed last, by which commit, and which of its rows."""


@dataclass(slots=True)
class Habits:
    """What this tenant does to its clients. `shuffle`: the rows of a page come newest first.

    `void` makes all tokens that are older worthless; `status` is how they are refused.
    """

    empty: bool = True
    repeat: bool = True
    partial: bool = True
    shuffle: bool = False
    status: int = 410
    void: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Span:
    """Where in which round: commits after `since`, up to `until`, behind `place`."""

    since: int
    until: int
    select: str
    ids: list[str]
    made: str
    page: int = 1
    place: Place = ("", 0, 0)


@dataclass(slots=True)
class _Net:
    """What became of one object in a round."""

    last: Commit
    names: set[str] = field(default_factory=set[str])
    whole: bool = False
    members: dict[str, bool] = field(default_factory=dict[str, bool])
    """Whether each member joined, as the last of what it did."""

    def place(self) -> tuple[str, int]:
        return _text(self.last.at), self.last.number

    def add(self, commit: Commit) -> None:
        self.last = commit
        self.whole |= commit.whole
        self.names |= commit.names
        self.members |= dict.fromkeys(commit.joined, True) | dict.fromkeys(commit.left, False)


def answer(
    directory: Directory, kind: Kind, asked: Mapping[str, str], habits: Habits, *,
    url: str, size: int, now: datetime,
) -> Answer:  # fmt: skip
    """A page; raises `Refused`."""
    span = _span(directory, kind, asked, habits, url, now)
    names = asking.selected(kind, {"$select": span.select} if span.select else {}, tracking=True)
    rows, after = (
        ([], span) if _is_empty(span, habits) else _page(directory, kind, span, names, habits, size)
    )
    body: JsonObject = {"@odata.context": f"{url}/v1.0/$metadata#{kind.name}{_shown(span)}"}
    if after is None:
        held = {"since": span.until, "select": span.select, "ids": span.ids, "made": _text(now)}
        body["@odata.deltaLink"] = asking.link(
            url, f"{kind.name}/delta", deltatoken=asking.token(held)
        )
    else:
        held = {name: getattr(after, name) for name in _Span.__slots__} | {"page": after.page + 1}
        body["@odata.nextLink"] = asking.link(
            url, f"{kind.name}/delta", skiptoken=asking.token(held)
        )
    body["value"] = rows
    return Answer(200, JSON, body)


def _shown(span: _Span) -> str:
    return f"({span.select})" if span.select else ""


def _span(
    directory: Directory, kind: Kind, asked: Mapping[str, str], habits: Habits, url: str,
    now: datetime,
) -> _Span:  # fmt: skip
    latest = len(directory.commits)
    if "$skiptoken" in asked or asked.get("$deltatoken", "latest") != "latest":
        if len(asked) > 1:
            raise Refused(400, BAD, "A token already holds the options of the first request.")
        return _resumed(asked, latest, kind, habits, url, now)
    asking.selected(kind, asked, tracking=True)
    since = latest if "$deltatoken" in asked else 0
    return _Span(since, latest, asked.get("$select", ""), asking.tracked(asked), _text(now))


def _resumed(
    asked: Mapping[str, str], latest: int, kind: Kind, habits: Habits, url: str, now: datetime
) -> _Span:
    held = asking.untoken(asked.get("$skiptoken") or asked["$deltatoken"])
    try:
        since, select, ids, made = (held[name] for name in ("since", "select", "ids", "made"))
        if datetime.fromisoformat(made) <= max(habits.void or now - LIFE, now - LIFE):
            raise _expired(kind, habits, url)
        if "$deltatoken" in asked:
            return _Span(since, latest, select, ids, _text(now))
        at, number, part = held["place"]
        return _Span(since, held["until"], select, ids, made, held["page"], (at, number, part))
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(400, BAD, "Badly formed token.") from error


def _expired(kind: Kind, habits: Habits, url: str) -> Refused:
    said = (
        "The sync state generation is not found. The delta token is expired and data must be "
        "synchronized again."
    )
    start = {"Location": f"{url}/v1.0/{kind.name}/delta?$deltatoken="}
    return Refused(habits.status, STATE, said, start if habits.status == 410 else None)


def _is_empty(span: _Span, habits: Habits) -> bool:
    return habits.empty and span.page % _EMPTY_EVERY == _EMPTY_EVERY - 1


def _page(
    directory: Directory, kind: Kind, span: _Span, names: tuple[str, ...], habits: Habits,
    size: int,
) -> tuple[list[JsonObject], _Span | None]:  # fmt: skip
    """Rows, and where the next page goes on."""
    rows = list(islice(_rows(directory, kind, span, names, habits), size + 2))
    told = [row for place, row in rows if place == span.place]
    todo = [(place, row) for place, row in rows if place > span.place]
    again = habits.repeat and size > 1 and span.page % 2 == 1
    repeated = [_torso(row) for row in told] if again else []
    now = todo[: size - len(repeated)]
    page = [*repeated, *(row for _, row in now)]
    if habits.shuffle:
        page.reverse()
    if len(now) == len(todo):
        return page, None
    return page, replace(span, place=now[-1][0])


def _rows(
    directory: Directory, kind: Kind, span: _Span, names: tuple[str, ...], habits: Habits
) -> Iterator[tuple[Place, JsonObject]]:
    """The rows of a round in their order, from the one that was told last."""
    nets = _nets(directory, kind, span)
    begin = bisect_left(nets, span.place[:2], key=_Net.place)
    for net in nets[begin:]:
        for part, row in enumerate(_of_net(directory, net, span, names, habits)):
            if (*net.place(), part) >= span.place:
                yield (*net.place(), part), row


def _nets(directory: Directory, kind: Kind, span: _Span) -> list[_Net]:
    """What became of each object in a round, in its order: worked out for its first page."""
    round_ = (span.since, span.until, tuple(span.ids))
    known = directory.rounds.get(kind.name)
    if known is None or known[0] != round_:
        nets: dict[str, _Net] = {}
        for commit in directory.commits[span.since : span.until]:
            if commit.kind is kind and (not span.ids or commit.id in span.ids):
                nets.setdefault(commit.id, _Net(commit)).add(commit)
        known = round_, sorted(nets.values(), key=_Net.place)
        directory.rounds[kind.name] = known
    return known[1]


def _of_net(
    directory: Directory, net: _Net, span: _Span, names: tuple[str, ...], habits: Habits
) -> Iterator[JsonObject]:
    state = directory.state(net.last.id)
    assert state is not None, "what was committed has a state"
    if removed := state.removed or net.last.removed:
        if span.since:
            yield {"id": state.id, "@removed": {"reason": removed}}
        return
    yield from _of_object(directory, net, state, span, names, habits)


def _of_object(
    directory: Directory, net: _Net, state: Commit, span: _Span, names: tuple[str, ...],
    habits: Habits,
) -> Iterator[JsonObject]:  # fmt: skip
    initial = span.since == 0 or net.whole
    members = dict.fromkeys(state.members, True) if initial else net.members
    told = _members(directory, members) if MEMBERS in names else []
    if not (initial or net.names & set(names) or told):
        return
    parts = [told[at : at + MEMBERS_PER_ROW] for at in range(0, len(told), MEMBERS_PER_ROW)]
    for part in parts or [[]]:
        row = _properties(net, state, names, partial=habits.partial and not initial)
        yield row | ({"members@delta": part} if part else {})


def _properties(net: _Net, state: Commit, names: tuple[str, ...], *, partial: bool) -> JsonObject:
    """All that were ever set, or for every other object only those that changed."""
    least = partial and crc32(f"{state.id}{net.last.number}".encode()) % 2 == 0
    shown = {
        name: state.values[name]
        for name in names
        if name != MEMBERS and (name in net.names or not (least or state.values[name] is None))
    }
    return {**shown, "id": state.id}


def _members(directory: Directory, members: Mapping[str, bool]) -> list[JsonObject]:
    """Each with its type, also of one that has left, or is in the bin."""
    entries: list[JsonObject] = []
    for id, joined in members.items():
        member = directory.state(id)
        assert member is not None, "whoever was a member has a state"
        entry = {"@odata.type": f"#microsoft.graph.{member.kind.singular}", "id": id}
        entries.append(entry if joined else entry | {"@removed": {"reason": "deleted"}})
    return entries


def _torso(row: JsonObject) -> JsonObject:
    """A row again, with less."""
    kept = ("id", "@removed", "displayName", "userPrincipalName")
    return {name: row[name] for name in kept if name in row}


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
