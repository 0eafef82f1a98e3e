"""Where each attribute of a SCIM resource is kept: in a column of ours, or as it was sent.

    userName, name.givenName, active ...      a column, which others may change as well
    externalId, emails, nickName ...          a custom field u_scim_*, as it was sent
    email, phone, city, name, manager         columns that follow from those: `follow`

A column that follows is set when what it follows from changes, not before: a telephone number
that somebody corrected here stays until the directory sends another one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hub.store.entities import GROUP, USER, Entity
from hub.store.records import Row
from hub.web.scim.published import ENTERPRISE

JsonObject = dict[str, Any]
Path = tuple[str, ...]

PREFIX = "u_scim_"
REVISION = f"{PREFIX}members_revision"
"""Counts the changes of a group's members: its version changes with them."""
UNSAID = f"{PREFIX}active_unsaid"
"""What `active` was when the directory took its word on it back: it shows nothing while it is so."""


@dataclass(frozen=True, slots=True)
class Place:
    """`field` keeps what stands at `path`: a column, or a custom field (u_*)."""

    path: Path
    field: str

    @property
    def custom(self) -> bool:
        return self.field.startswith("u_")


@dataclass(frozen=True, slots=True)
class Kind:
    """A resource type: its entity, the stream of its links, and its places by path."""

    name: str
    entity: Entity
    stream: str
    places: Mapping[Path, Place]

    @property
    def table(self) -> str:
        return str(self.entity.table.name)


def _custom(*paths: Path) -> list[Place]:
    return [Place(path, PREFIX + _snake("_".join(_last_words(path)))) for path in paths]


def _last_words(path: Path) -> Path:
    return path[1:] if path[0] == ENTERPRISE else path


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower()


def _by_path(places: Iterable[Place]) -> dict[Path, Place]:
    return {place.path: place for place in places}


EXTERNAL_ID = ("externalId",)
_USER = [
    Place(("userName",), "user_name"),
    Place(("name", "givenName"), "first_name"),
    Place(("name", "middleName"), "middle_name"),
    Place(("name", "familyName"), "last_name"),
    Place(("title",), "title"),
    Place(("preferredLanguage",), "preferred_language"),
    Place(("timezone",), "time_zone"),
    Place(("active",), "active"),
    Place((ENTERPRISE, "employeeNumber"), "employee_number"),
    *_custom(
        EXTERNAL_ID,
        ("name", "formatted"),
        ("name", "honorificPrefix"),
        ("name", "honorificSuffix"),
        ("displayName",),
        ("nickName",),
        ("profileUrl",),
        ("userType",),
        ("locale",),
        ("emails",),
        ("phoneNumbers",),
        ("ims",),
        ("photos",),
        ("addresses",),
        ("entitlements",),
        ("roles",),
        (ENTERPRISE, "costCenter"),
        (ENTERPRISE, "organization"),
        (ENTERPRISE, "division"),
        (ENTERPRISE, "department"),
        (ENTERPRISE, "manager"),
    ),
]

USERS = Kind("User", USER, "scim/Users", _by_path(_USER))
GROUPS = Kind(
    "Group",
    GROUP,
    "scim/Groups",
    _by_path([Place(("displayName",), "name"), *_custom(EXTERNAL_ID)]),
)
KINDS = {kind.name: kind for kind in (USERS, GROUPS)}


def read(kind: Kind, row: Row) -> JsonObject:
    """What a row says, as SCIM: everything but its id, its meta, and who belongs to it."""
    custom = row.get("hub_custom") or {}
    said: JsonObject = {}
    for place in kind.places.values():
        value = custom.get(place.field) if place.custom else row.get(place.field)
        if value is not None and not (place.field == "active" and value == custom.get(UNSAID)):
            *above, last = place.path
            into = said
            for step in above:
                into = into.setdefault(step, {})
            into[last] = value
    return said


def values(kind: Kind, said: JsonObject) -> dict[str, Any]:
    """The fields that a resource fills; None for those it leaves empty."""
    return {place.field: _at(said, path) for path, place in kind.places.items()}


def _at(said: Any, path: Path) -> Any:
    for step in path:
        said = said.get(step) if isinstance(said, dict) else None
    return said


def follow(said: JsonObject) -> dict[str, Any]:
    """The columns of a user that follow from what was sent; see the head of this module."""
    return {
        "name": called(said),
        "email": _trimmed(_of(said, "emails", "work"), lower=True),
        "phone": _trimmed(_typed(said, "phoneNumbers", "work")),
        "mobile_phone": _trimmed(_typed(said, "phoneNumbers", "mobile")),
        "home_phone": _trimmed(_typed(said, "phoneNumbers", "home")),
        **_address(said),
    }


def called(said: JsonObject) -> str | None:
    """What people know a user by."""
    name = said.get("name") or {}
    both = " ".join(filter(None, (name.get("givenName"), name.get("familyName"))))
    return said.get("displayName") or name.get("formatted") or both or said.get("userName")


def _address(said: JsonObject) -> dict[str, Any]:
    found = _chosen(said, "addresses", "work") or {}
    parts = {
        "street": "streetAddress",
        "city": "locality",
        "state": "region",
        "zip": "postalCode",
        "country": "country",
    }
    return {column: _trimmed(found.get(part)) for column, part in parts.items()}


def _chosen(said: JsonObject, name: str, kind: str) -> JsonObject | None:
    """Of several values the primary one, or the one of this type, or the first."""
    several: list[JsonObject] = said.get(name) or []
    primary = (one for one in several if one.get("primary"))
    typed = (one for one in several if str(one.get("type")).lower() == kind)
    return next(primary, None) or next(typed, None) or (several[0] if several else None)


def _of(said: JsonObject, name: str, kind: str) -> Any:
    found = _chosen(said, name, kind)
    return found.get("value") if found else None


def _typed(said: JsonObject, name: str, kind: str) -> Any:
    several: list[JsonObject] = said.get(name) or []
    return next((one.get("value") for one in several if str(one.get("type")).lower() == kind), None)


def _trimmed(value: Any, *, lower: bool = False) -> str | None:
    text = value.strip() if isinstance(value, str) else ""
    return (text.lower() if lower else text) or None
