"""The properties of users and groups that the sandbox knows, and what it refuses of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.testing import BadCommand

MEMBERS = "members"


@dataclass(frozen=True, slots=True)
class Kind:
    """`properties` by their type; those of `shown` come without a `$select`."""

    name: str
    singular: str
    properties: Mapping[str, type[Any]]
    shown: tuple[str, ...]
    needed: tuple[str, ...]
    unique: str = ""


USERS = Kind(
    "users",
    "user",
    {
        **dict.fromkeys(
            (
                *("ageGroup", "city", "companyName", "country", "createdDateTime"),
                *("creationType", "department", "displayName", "employeeHireDate"),
                *("employeeId", "employeeType", "externalUserState", "faxNumber", "givenName"),
                *("jobTitle", "mail", "mailNickname", "mobilePhone", "officeLocation"),
                *("postalCode", "preferredLanguage", "state", "streetAddress", "surname"),
                *("usageLocation", "userPrincipalName", "userType"),
            ),
            str,
        ),
        "accountEnabled": bool,
        "businessPhones": list,
        "otherMails": list,
        "proxyAddresses": list,
    },
    (
        *("businessPhones", "displayName", "givenName", "jobTitle", "mail", "mobilePhone"),
        *("officeLocation", "preferredLanguage", "surname", "userPrincipalName"),
    ),
    ("displayName", "userPrincipalName"),
    "userPrincipalName",
)
GROUPS = Kind(
    "groups",
    "group",
    {
        **dict.fromkeys(
            (
                *("classification", "createdDateTime", "description", "displayName", "mail"),
                *("mailNickname", "membershipRule", "membershipRuleProcessingState"),
                *("preferredDataLocation", "preferredLanguage", "renewedDateTime", "theme"),
                "visibility",
            ),
            str,
        ),
        "groupTypes": list,
        "mailEnabled": bool,
        "proxyAddresses": list,
        "securityEnabled": bool,
    },
    (
        *("createdDateTime", "description", "displayName", "groupTypes", "mail", "mailEnabled"),
        *("mailNickname", "securityEnabled", "visibility"),
    ),
    ("displayName",),
)
KINDS = {kind.name: kind for kind in (USERS, GROUPS)}


def filled(kind: Kind, data: Mapping[str, Any], created: str) -> dict[str, Any]:
    """All properties of a new object; raises `BadCommand` for what it cannot have."""
    if missing := [name for name in kind.needed if not data.get(name)]:
        raise BadCommand(f"{kind.name}: {', '.join(missing)} missing")
    lists: dict[str, Any] = {name: [] for name, of in kind.properties.items() if of is list}
    flags = {"accountEnabled": True, "mailEnabled": False, "securityEnabled": True}
    usual = {name: value for name, value in flags.items() if name in kind.properties}
    blank: dict[str, Any] = dict.fromkeys(kind.properties)
    return blank | lists | usual | {"createdDateTime": created} | checked(kind, data)


def checked(kind: Kind, data: Mapping[str, Any]) -> dict[str, Any]:
    """The properties, if they are of the right types; raises `BadCommand`."""
    for name, value in data.items():
        of = kind.properties.get(name)
        if of is None or not (value is None or isinstance(value, of)):
            known = ", ".join(kind.properties)
            raise BadCommand(f"{kind.name}: {name} cannot be {value!r}; there are {known}")
    return dict(data)
