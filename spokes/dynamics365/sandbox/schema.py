"""The tables of the environment: columns, choices, lookups, and which are tracked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["guid", "text", "int", "bigint", "number", "flag", "moment", "choice", "lookup"]
HUB_ID = "csm_hubid"


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `labels` of a choice, `targets` of a lookup: navigation property → table."""

    name: str
    kind: Kind = "text"
    length: int = 100
    labels: Mapping[int, str] = field(default_factory=dict[int, str])
    targets: Mapping[str, str] = field(default_factory=dict[str, str])
    writable: bool = True

    @property
    def shown(self) -> str:
        """Its name in a row."""
        return f"_{self.name}_value" if self.kind == "lookup" else self.name


@dataclass(frozen=True, slots=True)
class Schema:
    """One table. `title` is the column that people know a row by; `columns` are by shown name."""

    name: str
    set: str
    id: str
    title: str
    columns: Mapping[str, Column]

    def navigation(self, name: str) -> Column | None:
        """The lookup behind a single-valued navigation property."""
        return next((c for c in self.columns.values() if name in c.targets), None)

    @property
    def type(self) -> str:
        return f"Microsoft.Dynamics.CRM.{self.name}"


def texts(names: str, length: int = 100) -> list[Column]:
    return [Column(name, length=length) for name in names.split()]


def moments(names: str) -> list[Column]:
    return [Column(name, "moment") for name in names.split()]


def numbers(names: str, kind: Kind = "number") -> list[Column]:
    return [Column(name, kind) for name in names.split()]


def choice(name: str, first: int, labels: str, *, writable: bool = True) -> Column:
    """`labels` separated by `|`, numbered from `first`."""
    numbered = dict(enumerate(labels.split("|"), start=first))
    return Column(name, "choice", labels=numbered, writable=writable)


def coded(name: str, labels: Mapping[int, str]) -> Column:
    return Column(name, "choice", labels=labels)


def lookup(name: str, **targets: str) -> Column:
    return Column(name, "lookup", targets=targets)


def table(name: str, title: str, *columns: Column, set: str = "", keyed: bool = True) -> Schema:
    """A table with these columns and the system's own."""
    system = [
        Column(f"{name}id", "guid"),
        Column("createdon", "moment", writable=False),
        Column("modifiedon", "moment", writable=False),
        Column("versionnumber", "bigint", writable=False),
        *([Column(HUB_ID, length=64)] if keyed else []),
    ]
    everything = {column.shown: column for column in (*system, *columns)}
    return Schema(name, set or f"{name}s", f"{name}id", title, everything)


_ADDRESS = "line1 line2 city stateorprovince postalcode country"
_ADDRESS_1 = " ".join(f"address1_{part}" for part in _ADDRESS.split())
_WHERE = "msdyn_address1 msdyn_address2 msdyn_city msdyn_stateorprovince"
_ACTIVE = choice("statecode", 0, "Active|Inactive")
CASE_REASONS = {
    0: {1: "In Progress", 2: "On Hold", 3: "Waiting for Details", 4: "Researching"},
    1: {5: "Problem Solved", 1000: "Information Provided"},
    2: {6: "Canceled", 2000: "Merged"},
}
"""The status reasons of a case by its state; the first one is the default."""

STANDARD = (
    table(
        "account",
        "name",
        *texts("name accountnumber telephone1 emailaddress1 websiteurl", 160),
        *texts(_ADDRESS_1, 250),
        *numbers("address1_latitude address1_longitude"),
        *numbers("numberofemployees", "int"),
        Column("description", length=2000),
        coded("industrycode", {1: "Accounting", 9: "Distribution", 22: "Food Processing"}),
        lookup("parentaccountid", parentaccountid="account"),
        lookup("primarycontactid", primarycontactid="contact"),
        _ACTIVE,
    ),
    table(
        "contact",
        "fullname",
        *texts("employeeid firstname lastname jobtitle emailaddress1 telephone1 mobilephone", 100),
        *texts(_ADDRESS_1, 250),
        Column("fullname", length=160, writable=False),
        Column("donotbulkemail", "flag"),
        lookup(
            "parentcustomerid",
            parentcustomerid_account="account",
            parentcustomerid_contact="contact",
        ),
        _ACTIVE,
    ),
    table(
        "incident",
        "title",
        Column("title", length=200),
        Column("description", length=2000),
        Column("ticketnumber", writable=False),
        choice("prioritycode", 1, "High|Normal|Low"),
        choice("caseorigincode", 1, "Phone|Email|Web"),
        choice("casetypecode", 1, "Question|Problem|Request"),
        choice("statecode", 0, "Active|Resolved|Canceled"),
        coded(
            "statuscode", {k: v for reasons in CASE_REASONS.values() for k, v in reasons.items()}
        ),
        Column("isescalated", "flag"),
        lookup("customerid", customerid_account="account", customerid_contact="contact"),
        lookup("primarycontactid", primarycontactid="contact"),
        lookup("parentcaseid", parentcaseid="incident"),
    ),
    table(
        "msdyn_workorder",
        "msdyn_name",
        Column("msdyn_name", writable=False),
        Column("msdyn_workordersummary", length=2000),
        Column("msdyn_instructions", length=2000),
        *texts(f"{_WHERE} msdyn_postalcode msdyn_country", 250),
        choice(
            "msdyn_systemstatus",
            690970000,
            "Unscheduled|Scheduled|In Progress|Completed|Posted|Canceled",
        ),
        Column("msdyn_taxable", "flag"),
        *moments("msdyn_timefrompromised msdyn_timetopromised msdyn_timeclosed"),
        *moments("msdyn_datewindowstart msdyn_datewindowend"),
        *moments("msdyn_firstarrivedon msdyn_completedon"),
        *numbers("msdyn_primaryincidentestimatedduration", "int"),
        lookup("msdyn_serviceaccount", msdyn_serviceaccount="account"),
        lookup("msdyn_billingaccount", msdyn_billingaccount="account"),
        lookup("msdyn_reportedbycontact", msdyn_reportedbycontact="contact"),
        lookup("msdyn_servicerequest", msdyn_servicerequest="incident"),
        lookup("msdyn_pricelist", msdyn_pricelist="pricelevel"),
        lookup("msdyn_workordertype", msdyn_workordertype="msdyn_workordertype"),
        _ACTIVE,
    ),
    table(
        "bookableresource",
        "name",
        Column("name"),
        choice("resourcetype", 1, "Generic|Contact|User|Equipment|Account|Crew|Facility|Pool"),
        Column("msdyn_primaryemail"),
        *numbers("timezone", "int"),
        lookup("contactid", ContactId="contact"),
        lookup("accountid", AccountId="account"),
        _ACTIVE,
    ),
    table(
        "bookableresourcebooking",
        "name",
        Column("name"),
        *moments("starttime endtime msdyn_estimatedarrivaltime msdyn_actualarrivaltime"),
        *numbers("duration msdyn_estimatedtravelduration msdyn_actualtravelduration", "int"),
        *numbers("msdyn_totaldurationinprogress", "int"),
        choice("bookingtype", 1, "Solid|Liquid"),
        lookup("resource", Resource="bookableresource"),
        lookup("bookingstatus", BookingStatus="bookingstatus"),
        lookup("msdyn_workorder", msdyn_WorkOrder="msdyn_workorder"),
        _ACTIVE,
    ),
    table(
        "bookingstatus",
        "name",
        Column("name"),
        choice(
            "msdyn_fieldservicestatus",
            690970000,
            "Scheduled|Traveling|On Break|In Progress|Completed|Canceled",
        ),
        choice("status", 1, "Proposed|Committed|Canceled"),
        set="bookingstatuses",
        keyed=False,
    ),
    # No columns can be added to it, so no alternate key; who creates a row may choose its id.
    table(
        "annotation",
        "subject",
        Column("subject", length=500),
        Column("notetext", length=100_000),
        Column("isdocument", "flag", writable=False),
        Column("filename", length=255),
        Column("mimetype", length=256),
        Column("filesize", "int", writable=False),
        Column("objecttypecode", writable=False),
        lookup(
            "objectid",
            objectid_account="account",
            objectid_contact="contact",
            objectid_incident="incident",
            objectid_msdyn_workorder="msdyn_workorder",
        ),
        lookup("createdby", createdby="systemuser"),
        keyed=False,
    ),
    table("systemuser", "fullname", Column("fullname", length=200), keyed=False),
    table("pricelevel", "name", Column("name"), keyed=False),
    table("msdyn_workordertype", "msdyn_name", Column("msdyn_name"), keyed=False),
)
