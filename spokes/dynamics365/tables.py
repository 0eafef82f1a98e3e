"""The tables that this spoke speaks of: their ids, names in events, and lookups that can be set."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from uuid import UUID

import hub

GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Lookup:
    """A reference: written as `<navigation>@odata.bind: /<set>(guid)`, read as `_x_value`."""

    navigation: str
    set: str


@dataclass(frozen=True, slots=True)
class Table:
    """`set` is its name in addresses, `name` its logical name, `id` its primary key.

    `lookups` are those that may be written, by the name under which they are read. `named_by_us`:
    it can have no column of ours, so a row that we create has our sys_id as its primary key.
    """

    set: str
    name: str
    id: str
    lookups: Mapping[str, Lookup] = field(default_factory=dict[str, Lookup])
    named_by_us: bool = False


def _table(name: str, id: str = "", set: str = "", **lookups: str) -> Table:
    """`lookups`: the column's name, and the set it leads to or `navigation/set`."""
    found = {}
    for column, target in lookups.items():
        navigation, _, to = target.rpartition("/")
        found[f"_{column}_value"] = Lookup(navigation or column, to)
    return Table(set or f"{name}s", name, id or f"{name}id", MappingProxyType(found))


WORK_ORDERS = _table(
    "msdyn_workorder",
    msdyn_serviceaccount="accounts",
    msdyn_billingaccount="accounts",
    msdyn_reportedbycontact="contacts",
    msdyn_servicerequest="incidents",
    msdyn_pricelist="pricelevels",
    msdyn_workordertype="msdyn_workordertypes",
)
INCIDENTS = _table(
    "incident",
    # A case's customer is an account or a contact; the hub names accounts, and the contact beside.
    customerid="customerid_account/accounts",
    primarycontactid="contacts",
    parentcaseid="incidents",
)
_NOTES = _table(
    "annotation",
    # What a note is about is one polymorphic lookup, `objectid`, with a navigation per table.
    objectid_incident="incidents",
    objectid_msdyn_workorder="msdyn_workorders",
)
NOTES = replace(_NOTES, named_by_us=True)
TABLES = (
    _table("account", parentaccountid="accounts", primarycontactid="contacts"),
    _table("contact", parentcustomerid="parentcustomerid_account/accounts"),
    INCIDENTS,
    WORK_ORDERS,
    _table("bookableresource"),
    _table("bookableresourcebooking"),
    NOTES,
)
BY_SET = {table.set: table for table in TABLES}
BY_NAME = {table.name: table for table in TABLES}


def primary_key(sys_id: str) -> str:
    """The GUID that a row of ours has where they let us choose; raises `Permanent` for no UUID."""
    try:
        return str(UUID(sys_id))
    except ValueError:
        raise hub.Permanent(f"{sys_id!r} can be no GUID: not 32 hexadecimal digits") from None


def checked(table: Table, id: str) -> str:
    """A record's id as Dataverse spells it; raises `NotFound` for what cannot be one."""
    if GUID.fullmatch(id) is None:
        raise hub.NotFound(f"{table.set}: {id!r} cannot be the id of a Dataverse row: not a GUID")
    return id.lower()
