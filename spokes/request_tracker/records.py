"""How records of Request Tracker look in an answer, and as changes.

What they write in more than one manner has one here: ids are text, what is unset is None (they
say 1970, or ""), custom fields stand under their names, and the one with our key beside all others.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from urllib.parse import quote

import orjson

import hub

STAMP = "HubID"  # the custom field with our sys_id
PEOPLE = ("Owner", "Requestor")
FIELDS = (
    "Subject", "Status", "Priority", "Queue", *PEOPLE, "Created", "Started", "Due", "Resolved",
    "LastUpdated", "CustomFields",
)  # fmt: skip
PERSON = (
    "id", "Name", "RealName", "EmailAddress", "Organization", "WorkPhone", "MobilePhone", "Disabled",
)  # fmt: skip
_UNSET = "1970-01-01T00:00:00Z"
_NOBODY = "Nobody"


def items(answer: hub.Response) -> list[hub.JsonObject]:
    """The records of a list; raises `Transient` for an answer that is none."""
    said = answer.json()
    if not isinstance(said, dict) or not isinstance(said.get("items"), list):
        raise hub.Transient(f"Request Tracker answered {answer.request.url.path} with no list")
    found: list[hub.JsonObject] = said["items"]
    return found


def ticket(item: hub.JsonObject) -> hub.Change:
    id = str(item["id"])
    data: hub.JsonObject = {name: _plain(item[name]) for name in FIELDS if name in item}
    data["id"] = id
    data["Owner"] = None if _name(item.get("Owner")) == _NOBODY else _person(item.get("Owner"))
    data["Requestor"] = [_person(one) for one in item.get("Requestor") or ()]
    data["CustomFields"] = {
        one["name"]: one["values"][0] if len(one["values"]) == 1 else one["values"] or None
        for one in item.get("CustomFields") or ()  # "" if there is none
    }
    data[STAMP] = data["CustomFields"].get(STAMP)
    return hub.Change("tickets", id, data, item["LastUpdated"])


def gone(item: hub.JsonObject) -> hub.Change | None:
    """Read a deletion, or a merger, which both tickets tell of; None for the one that stays."""
    id, said = str(item["ObjectId"]), str(item["NewValue"])
    stays = item["Type"] == "AddLink" and said.rpartition("/")[2] == id
    return None if stays else hub.Change("tickets", id, None, item["Created"])


def user(item: hub.JsonObject) -> hub.Change:
    """Without a version: most of them have none, and the hub compares their content."""
    id = str(item["id"])
    data = {name: _plain(item.get(name)) for name in PERSON}
    data |= {"id": id, "Disabled": str(item.get("Disabled") or "0") == "1"}
    return hub.Change("users", id, data)


def in_order(
    changes: Iterable[hub.Change], window: hub.Window, last: hub.Change | None
) -> list[hub.Change]:
    """By time and number, those of the window up to `last`; a ticket after its own deletion."""
    after = (window.since, int(window.id or 0)) if window.since else None
    until = _place(last) if last else None
    kept = [
        one
        for one in changes
        if (after is None or _place(one) > after) and (until is None or _place(one) <= until)
    ]
    return sorted(kept, key=lambda one: (_place(one), one.data is not None))


def _place(change: hub.Change) -> tuple[datetime, int]:
    return datetime.fromisoformat(change.version), int(change.id)


def cursor_at(page: int) -> hub.Cursor:
    return orjson.dumps({"page": page}).decode()


def page_of(cursor: hub.Cursor | None) -> int:
    """Raises `CursorLost` for a cursor that is not one of ours."""
    if not cursor:
        return 1
    try:
        return int(orjson.loads(cursor)["page"])
    except (ValueError, KeyError, TypeError) as error:
        raise hub.CursorLost(f"not a page of users: {cursor!r}") from error


def number(id: str) -> str:
    """An id that can stand in an address; raises `NotFound` for what no ticket has."""
    if not (id.isascii() and id.isdecimal()):
        raise hub.NotFound(f"no ticket has the number {id!r}")
    return id


def segment(name: str) -> str:
    return quote(name, safe="@")


def _person(said: hub.JsonObject | None) -> hub.JsonObject | None:
    return {"id": str(said["id"]), "Name": said.get("Name")} if said else None


def _name(said: hub.JsonObject | None) -> str:
    return str(said.get("Name", "")) if said else ""


def _plain(value: object) -> object:
    return None if value in ("", _UNSET) else value
