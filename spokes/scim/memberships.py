"""Who is in which group: pairs, read out of the lists of members that groups have.

SCIM tells nobody who has left: only a complete listing shows it. So that is what every pull is
(`hub.LISTED`): the hub knows what is missing.

    {"id": "<group>|<user>", "group": "<group>", "user": "<user>"}

A member that says it is a group makes no pair. A server that cannot filter may give a member's
userName in place of its id, as canaille does: there, users are read first, to tell the one from the
other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import hub
from spokes.scim.listing import Listing, Server

NAME = "memberships"
MOST = 1000
"""Pairs in a page: groups may be large."""
_USERS, _GROUPS = hub.Stream("Users"), hub.Stream("Groups")
_BETWEEN = "|"


def listed(server: Server, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
    """Every pair, from where a listing stopped; a page's end is resumed where its groups begin."""
    ids, at = _ids_by_name(server), Listing.at(cursor)
    for groups, after in server.all(_GROUPS, at):
        pairs = {change.id: change for group in groups for change in _pairs(group, ids)}
        told = list(pairs.values())
        for start in range(0, len(told) - MOST, MOST):
            yield hub.Page(told[start : start + MOST], at.cursor)
        yield hub.Page(told[-(len(told) % MOST or MOST) :], after.cursor)
        at = after


def fetched(server: Server, ids: Sequence[str]) -> Iterator[hub.Change]:
    """Whether these pairs are there; each group is read once."""
    names, there = _ids_by_name(server), dict[str, hub.Change]()
    for group in dict.fromkeys(id.partition(_BETWEEN)[0] for id in ids):
        there |= {one.id: one for one in _pairs(server.one(_GROUPS, group), names)}
    yield from (there.get(id) or hub.Change(NAME, id, None) for id in ids)


def _pairs(group: hub.Change, ids: Mapping[str, str]) -> Iterator[hub.Change]:
    """A change for each user in a group; none for a group that is gone."""
    for member in (group.data or {}).get("members") or ():
        value = member.get("value") if isinstance(member, dict) else None
        if isinstance(value, str) and value and not _is_group(member):
            user = ids.get(value, value)
            id = _BETWEEN.join((group.id, user))
            yield hub.Change(NAME, id, {"id": id, "group": group.id, "user": user})


def _is_group(member: Mapping[str, Any]) -> bool:
    """Whether a member is a group itself, as far as its type or its address tells."""
    kind, address = member.get("type"), str(member.get("$ref") or "")
    return str(kind).lower() == "group" if kind else "/Groups/" in address


def _ids_by_name(server: Server) -> dict[str, str]:
    """The ids of users by what a member may be called, where that need not be the id."""
    if server.filters:
        return {}
    found = [user for users, _ in server.all(_USERS, Listing()) for user in users]
    names = {str(user.data.get("userName")): user.id for user in found if user.data}
    return names | {user.id: user.id for user in found}
