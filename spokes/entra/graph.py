"""What the spoke asks of Graph: which properties, which objects, and how an object reads as data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import hub

VERSION = "/v1.0"
GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
MEMBERS = "members"
EVENTUAL = {"ConsistencyLevel": "eventual"}
"""What every count must say: it may be behind."""

_IDS_PER_FILTER = 15  # more in one `in` are refused: "too many child clauses"
_MEMBERS_PER_PAGE = 999

Member = tuple[str, str]
"""The id of a group's member, and what it is: `user`, `group`, `device` ..."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of directory object; its stream is called as its collection is.

    Who has all of `always` is shown whole: a row of changes only does not repeat when the object
    was created. `usual` is asked for where no mapping says what it reads.
    """

    name: str
    always: tuple[str, ...]
    usual: tuple[str, ...]


USERS = Kind(
    "users",
    ("createdDateTime", "userPrincipalName"),
    (
        *("accountEnabled", "businessPhones", "city", "companyName", "country", "department"),
        *("displayName", "employeeId", "givenName", "jobTitle", "mail", "mobilePhone"),
        *("officeLocation", "postalCode", "preferredLanguage", "state", "streetAddress"),
        *("surname", "userType"),
    ),
)
GROUPS = Kind(
    "groups",
    ("createdDateTime", "displayName"),
    ("description", "groupTypes", "mail", "mailEnabled", MEMBERS, "securityEnabled"),
)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (USERS, GROUPS)}


def columns(kind: Kind, stream: hub.Stream) -> tuple[str, ...]:
    """The properties to ask for, sorted; `members` is one of them if somebody reads it."""
    wanted = {path.partition(".")[0] for path in stream.wants} or set(kind.usual)
    return tuple(sorted({*wanted, *kind.always, "id"}))


def query(**options: str | Iterable[str]) -> str:
    """`?$select=...&$filter=...`"""
    parts = []
    for name, value in options.items():
        text = value if isinstance(value, str) else ",".join(value)
        parts.append(f"${name}={quote(text, safe=',()')}")
    return "?" + "&".join(parts)


def tracked(kind: Kind, names: Sequence[str]) -> str:
    """Where tracking begins: the first round has everything there is."""
    return f"{VERSION}/{kind.name}/delta{query(select=names)}"


def by_ids(kind: Kind, names: Sequence[str], ids: Sequence[str]) -> Iterator[tuple[list[str], str]]:
    """The ids in portions, each with the address of those of them that exist."""
    properties = [name for name in names if name != MEMBERS]
    for start in range(0, len(ids), _IDS_PER_FILTER):
        some = list(ids[start : start + _IDS_PER_FILTER])
        listed = ",".join(f"'{id}'" for id in some)
        asked = query(filter=f"id in ({listed})", select=properties)
        yield some, f"{VERSION}/{kind.name}{asked}"


def counted(kind: Kind) -> str:
    """Where the number of objects is, as text; to be asked for as `EVENTUAL`."""
    return f"{VERSION}/{kind.name}/$count"


def members(id: str) -> str:
    """Where the direct members of a group are listed."""
    return f"{VERSION}/groups/{id}/members{query(select='id', top=str(_MEMBERS_PER_PAGE))}"


def data(names: Sequence[str], row: Mapping[str, Any]) -> hub.JsonObject:
    """An object as the hub keeps it: null for a property that was never set, no annotations."""
    return {name: row.get(name) for name in names}


def of_members(found: Iterable[Member]) -> list[hub.JsonObject]:
    """A membership in the one order that it is told in, whatever order they use."""
    return [{"id": id, "type": kind} for id, kind in sorted(set(found))]


def member(entry: Mapping[str, Any]) -> Member:
    """One entry of a list of members."""
    kind = str(entry.get("@odata.type", "")).rpartition(".")[2]
    return str(entry["id"]).lower(), kind
