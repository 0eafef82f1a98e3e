"""Who works at an invented retailer: people, a guest, shared mailboxes, and their groups.

Or, with a folder, those users and groups in its JSON files that Graph has shown to somebody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from hub.testing import BadCommand
from spokes.entra.sandbox.directory import Directory
from spokes.entra.sandbox.schema import GROUPS, USERS, Kind

DOMAIN = "brightbasket.example"
_FIRST = (
    *("Ada", "Ben", "Cleo", "Dov", "Ella", "Finn", "Gus", "Hana", "Ivo", "Jana", "Kai", "Lena"),
    *("Milo", "Nora", "Otto", "Pia"),
)
_LAST = (
    *("Amsel", "Brandt", "Costa", "Dietz", "Egger", "Funke", "Gruber", "Haas", "Iversen", "Jung"),
    *("Kern", "Lorenz"),
)
_JOBS = ("Store Manager", "Technician", "Cashier", "Dispatcher", "Case Agent")
_PEOPLE = 60

JsonObject = dict[str, Any]


def hire(directory: Directory, at: datetime) -> None:
    """Fill an empty directory."""
    people = [_person(directory, number, at) for number in range(_PEOPLE)]
    guest = {
        "displayName": "Vera Stone (Northgate)",
        "mail": "vera.stone@northgate.example",
        "userPrincipalName": f"vera.stone_northgate.example#EXT#@{DOMAIN}",
        "userType": "Guest",
        "creationType": "Invitation",
    }
    people.append(_made(directory, USERS, guest, at))
    for number, (name, mail) in enumerate([("Everybody", "all"), ("Field Service", "field")]):
        group = {
            "displayName": name,
            "description": f"{name} at Bright Basket",
            "mail": f"{mail}@{DOMAIN}",
            "mailNickname": mail,
            "mailEnabled": True,
            "groupTypes": ["Unified"],
            "securityEnabled": False,
        }
        id = _made(directory, GROUPS, group, at)
        for person in people[:: 1 + 3 * number]:
            directory.join(directory.find("groups", id), person, at=at)
    agents = _made(directory, GROUPS, {"displayName": "Case Agents", "mailNickname": "agents"}, at)
    for person in people[4:-1:5]:
        directory.join(directory.find("groups", agents), person, at=at)


def _person(directory: Directory, number: int, at: datetime) -> str:
    first, last = _FIRST[number % len(_FIRST)], _LAST[number % len(_LAST)]
    name = f"{first}.{last}{number}".lower()
    return _made(
        directory,
        USERS,
        {
            "displayName": f"{first} {last}",
            "givenName": first,
            "surname": last,
            "userPrincipalName": f"{name}@{DOMAIN}",
            "mail": f"{name}@{DOMAIN}",
            "mailNickname": name,
            "employeeId": f"E{1000 + number}",
            "jobTitle": _JOBS[number % len(_JOBS)],
            "department": "Stores" if number % 3 else "Service",
            "userType": "Member",
            "preferredLanguage": "de-DE" if number % 2 else "en-US",
            "businessPhones": [f"+49 30 5550{number:03}"] if number % 4 else [],
        },
        at,
    )


def _made(directory: Directory, kind: Kind, data: Mapping[str, Any], at: datetime) -> str:
    return directory.create(kind, data, id=directory.new_id(), at=at)


# -- from a folder


def load(directory: Directory, folder: Path, at: datetime) -> None:
    """Take in every user and group that the answers in a folder's JSON files hold whole."""
    for file in sorted(folder.glob("*.json")):
        for kind, row in _objects(orjson.loads(file.read_bytes())):
            there = {name: row[name] for name in kind.properties.keys() & row.keys()}
            try:
                directory.create(kind, there, id=row["id"], at=at)
            except BadCommand:  # an answer that shows half an object, or one again
                continue


def _objects(value: Any) -> Iterator[tuple[Kind, JsonObject]]:
    """Whatever looks like a user or a group, wherever it stands."""
    match value:
        case list():
            for item in value:
                yield from _objects(item)
        case dict():
            if isinstance(value.get("id"), str) and value.get("displayName"):
                if value.get("userPrincipalName"):
                    yield USERS, value
                elif "groupTypes" in value:
                    yield GROUPS, value
            for item in value.values():
                yield from _objects(item)
        case _:
            pass
