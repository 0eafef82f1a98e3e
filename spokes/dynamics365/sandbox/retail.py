"""A made-up grocery chain: stores whose tills and coolers break, and technicians on the road."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from spokes.dynamics365.sandbox import dispatch, rules
from spokes.dynamics365.sandbox.rows import Row, Rows, Table

CHAIN = "Brightbasket Markets"
STORES, CASES, ORDERS = 40, 60, 90
_TOWNS = ("Riverton", "Cedar Ridge", "Maple Falls", "Lakeview", "Fairhaven", "Stonebridge")
_STREETS = ("Mill Lane", "Elm Square", "Station Road", "Harbor Street", "Orchard Way")
_FIRST = ("Ann", "Bela", "Carlos", "Dana", "Emil", "Fatima", "Gregor", "Hana", "Ivo", "Zoë")
_LAST = ("Weber", "Okafor", "Lindqvist", "Moreau", "Ito", "Novak", "O'Brien", "Silva", "Xu")
_TROUBLES = (
    ("Till {n} does not start", "Black screen since this morning."),
    ("Scanner at till {n} reads nothing", "Cleaned it already, no change."),
    ("Card terminal at till {n} is offline", "Customers pay cash only."),
    ("Cooler {n} is too warm", "8 °C and rising; goods were moved."),
    ("Receipt printer at till {n} jams", "Paper was replaced twice."),
    ("Scale {n} shows a wrong weight", "Off by 40 g against the test weight."),
)
_NOTES = (
    "Called the store twice, nobody answers.",
    "*WEB* A technician comes tomorrow before noon.",
    "Same till as last month.",
    "*WEB* Thank you for the photo.",
)
_STATUSES = ("Scheduled", "Traveling", "On Break", "In Progress", "Completed", "Canceled")
_BOOKED = ("Scheduled", "Scheduled", "Traveling", "In Progress", "Completed", "Completed")


def fill(rows: Rows, now: datetime) -> None:
    """Everything that is there at the start, the same every time but for the clock."""
    _Chain(rows, now).fill()


class _Chain:
    def __init__(self, rows: Rows, now: datetime) -> None:
        self._rows, self._now = rows, now.replace(microsecond=0)
        self._chance = random.Random(365)
        self._end = self._now - timedelta(hours=2)

    def fill(self) -> None:
        self._lists()
        chain = self._put("account", name=CHAIN, accountnumber="BB", numberofemployees=2400)
        stores = [self._store(n, chain) for n in range(1, STORES + 1)]
        people = [self._manager(n, store) for n, store in enumerate(stores)]
        cases = [self._case(n, stores, people) for n in range(CASES)]
        crew = [self._technician(n) for n in range(8)]
        self._put("bookableresource", name="Thermal camera", resourcetype=4)
        for number in range(ORDERS):
            self._order(number, stores, people, cases, crew)
        for number, text in enumerate(_NOTES):
            self._put(
                "annotation",
                notetext=text,
                **_refer("objectid", "incident", cases[number // 2]["incidentid"]),
            )

    def _lists(self) -> None:
        for number, name in enumerate(_STATUSES):
            status = {"msdyn_fieldservicestatus": 690970000 + number, "status": 2}
            self._put("bookingstatus", name=name, **status)
        users = self._rows.of_name("systemuser")
        hub = {"systemuserid": rules.USER, "fullname": "# CSM Hub"}
        self._rows.put(users, rules.filled(self._rows, users, hub), self._end)
        self._put("pricelevel", name="Standard service prices")
        for name in ("Repair", "Maintenance", "Installation"):
            self._put("msdyn_workordertype", msdyn_name=name)

    def _store(self, number: int, chain: Row) -> Row:
        town = self._chance.choice(_TOWNS)
        return self._put(
            "account",
            name=f"{CHAIN} {town} {number}",
            accountnumber=f"BB-{number:03}",
            telephone1=f"+1 406 555 {1000 + number}",
            address1_line1=f"{self._chance.randint(1, 99)} {self._chance.choice(_STREETS)}",
            address1_city=town,
            address1_stateorprovince="MT",
            address1_postalcode=f"59{number:03}",
            address1_country="United States",
            numberofemployees=self._chance.randint(15, 90),
            **_refer("parentaccountid", "account", chain["accountid"]),
        )

    def _manager(self, number: int, store: Row) -> Row:
        first, last = self._chance.choice(_FIRST), self._chance.choice(_LAST)
        return self._put(
            "contact",
            firstname=first,
            lastname=last,
            jobtitle="Store Manager",
            emailaddress1=f"store{number + 1}@brightbasket.example",
            telephone1=store["telephone1"],
            **_refer("parentcustomerid", "account", store["accountid"]),
        )

    def _case(self, number: int, stores: list[Row], people: list[Row]) -> Row:
        at = self._chance.randrange(STORES)
        title, description = self._chance.choice(_TROUBLES)
        state = {0: (1, 5), 1: (2, 6), 2: (0, 2)}.get(number % 10, (0, 1))
        return self._put(
            "incident",
            title=title.format(n=self._chance.randint(1, 9)),
            description=description,
            prioritycode=self._chance.choice((1, 2, 2, 3)),
            caseorigincode=self._chance.choice((1, 2, 3)),
            casetypecode=2,
            statecode=state[0],
            statuscode=state[1],
            **_refer("customerid", "account", stores[at]["accountid"]),
            **_refer("primarycontactid", "contact", people[at]["contactid"]),
        )

    def _technician(self, number: int) -> Row:
        name = f"{_FIRST[number]} {_LAST[number]}"
        email = f"{_FIRST[number].lower()}.{number}@fieldworks.example"
        return self._put("bookableresource", name=name, resourcetype=3, msdyn_primaryemail=email)

    def _order(
        self, number: int, stores: list[Row], people: list[Row], cases: list[Row], crew: list[Row]
    ) -> None:
        case = cases[number] if number < len(cases) else None
        at = self._chance.randrange(STORES)
        store = case["customerid"] if case else stores[at]["accountid"]
        trouble, _ = _TROUBLES[number % len(_TROUBLES)]
        from_case = _refer("msdyn_servicerequest", "incident", case["incidentid"]) if case else {}
        order = self._put(
            "msdyn_workorder",
            msdyn_workordersummary=case["title"] if case else trouble.format(n=1 + number % 9),
            msdyn_instructions="Report to the store manager first.",
            msdyn_city=self._rows.of_name("account").get(store)["address1_city"],
            **_refer("msdyn_serviceaccount", "account", store),
            **_refer("msdyn_reportedbycontact", "contact", people[at]["contactid"]),
            **_refer("msdyn_pricelist", "pricelevel", self._first("pricelevel")),
            **_refer(
                "msdyn_workordertype", "msdyn_workordertype", self._first("msdyn_workordertype")
            ),
            **from_case,
        )
        if number % 5:
            self._book(order, crew[number % len(crew)], _BOOKED[number % len(_BOOKED)])
        elif number % 15 == 0:
            orders = self._rows.of_name("msdyn_workorder")
            closed = {"msdyn_systemstatus": rules.CANCELED}
            self._rows.put(orders, rules.changed(orders, order, closed, self._end), self._end)

    def _book(self, order: Row, technician: Row, status: str) -> None:
        start = self._end - timedelta(hours=self._chance.randint(2, 72))
        booking = dispatch.book(
            self._rows, order["msdyn_workorderid"], technician["bookableresourceid"], start,
            timedelta(hours=1), start - timedelta(hours=1),
        )  # fmt: skip
        steps = ("Traveling", "In Progress", "Completed")
        for number, step in enumerate(steps[: steps.index(status) + 1] if status in steps else ()):
            at = start + timedelta(minutes=25 * number)
            dispatch.progress(self._rows, booking["bookableresourcebookingid"], step, at)

    def _put(self, name: str, /, **given: Any) -> Row:
        table = self._rows.of_name(name)
        id = {table.schema.id: self._rows.new_id()}
        at = self._end - timedelta(days=30) + timedelta(minutes=7 * len(table.rows))
        return self._rows.put(table, rules.filled(self._rows, table, given | id), at)

    def _first(self, name: str) -> str:
        return first_id(self._rows.of_name(name))


def first_id(table: Table) -> str:
    """The id of the row that was there first."""
    return next(iter(table.rows))


def _refer(column: str, table: str, id: str) -> dict[str, str]:
    return {column: id, f"{column}@table": table}
