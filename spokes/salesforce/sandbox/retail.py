"""The org's first records: a grocery chain, its stores, its people and what goes wrong there.

Everything is made up for this project, and the same on every start but for the dates, which lie
within the sixty days before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import product
from random import Random
from typing import Any

from spokes.salesforce.sandbox import records
from spokes.salesforce.sandbox.tables import Row, Table, Tables, stamp

CHAIN = "BrightBasket Markets"
STORES, CONTACTS, CASES, COMMENTS = 60, 300, 600, 40
_PAST = timedelta(days=60)
_QUIET = timedelta(hours=2)  # nothing is so new that a pull's safe horizon would leave it out

_TOWNS = (
    ("Maple Falls", "OR", "97041"),
    ("Harbor Point", "WA", "98221"),
    ("Cedar Ridge", "OR", "97321"),
    ("Lakeview", "ID", "83642"),
    ("Granite Bay", "CA", "95746"),
    ("Willow Creek", "CA", "95573"),
    ("Fox Hollow", "WA", "98354"),
    ("Stonebridge", "ID", "83669"),
    ("Pine Junction", "MT", "59718"),
    ("Riverton", "MT", "59840"),
    ("Sunfield", "NV", "89406"),
    ("Copper Hills", "NV", "89801"),
)
_DISTRICTS = ("Downtown", "Northgate", "Station Square", "Old Mill", "Eastside")
_STREETS = ("Market Street", "Orchard Road", "Main Street", "Station Avenue", "Mill Lane")
_FIRST = (
    "Ada Amir Bianca Carlos Chiara Daniel Dina Elif Emil Farah Felix Grace Hana Hugo Ines Ivan"
    " Jamal Julia Kofi Lena Luca Maya Miguel Nadia Noah Olga Omar Paula Quinn Rosa Samir Tara"
    " Theo Uma Viktor Wanda Xenia Yusuf Zoë"
)
_LAST = (
    "Abara Becker Castillo Dvořák Eriksen Fontaine Gruber Hassan Ito Jansen Kowalski Lindqvist"
    " Moreau Novak O'Brien Petrov Quintero Rossi Schneider Tanaka Urban Vasquez Weber Xu Yilmaz"
    " Zimmer"
)
_ROLES = (
    ("Store Manager", "Management"),
    ("Assistant Manager", "Management"),
    ("Front End Lead", "Checkout"),
    ("Fresh Produce Lead", "Produce"),
    ("Receiving Clerk", "Logistics"),
)
_TROUBLES: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("Equipment", "Till {n} does not start", "Breakdown", ("Black screen after the update.",)),
    ("Equipment", "Till {n} prints blank receipts", "Breakdown", ("Paper was changed twice.",)),
    ("Equipment", "Handheld scanner {n} loses connection", "Performance", ("Every few minutes.",)),
    ("Equipment", "Cooler {n} is above 8 °C", "Breakdown", ("Goods were moved to cooler 2.", "")),
    ("Equipment", "Self-checkout {n} weighs wrongly", "Performance", ("Off by 40 grams.",)),
    ("Equipment", "Card terminal {n} declines every card", "Breakdown", ("Cash only for now.",)),
    ("Delivery", "Dairy delivery is two hours late", "Late", ("The shelf is empty.",)),
    ("Delivery", "Pallet {n} arrived damaged", "Damaged", ("Photos are attached.", "")),
    ("Delivery", "Bread delivery lacks {n} crates", "Other", ("The driver knows.",)),
    ("Problem", "Price of milk differs between shelf and till", "Other", ("Customer complained.",)),
    ("Problem", "Charged twice for one basket", "Feedback", ("Card ends in 41{n:02}.",)),
    ("Question", "Where is my refund for order {n}0{n}?", "Feedback", ("Ordered last week.", "")),
    ("Question", "Loyalty points are missing", "Feedback", ("Bought for 84.20 on Sunday.",)),
    ("Feature Request", "Offer the weekly flyer by e-mail", "Feedback", ("",)),
)
_STATUSES = (
    "New",
    "New",
    "Working",
    "Working",
    "Escalated",
    "On Hold",
    "Solved",
    "Closed",
    "Closed",
)
_PRIORITIES = ("Critical", "High", "Medium", "Medium", "Medium", "Low")
_ORIGINS = ("Phone", "Phone", "Email", "Web", "Chat")


def fill(tables: Tables, now: datetime, *, cases: int | None = None) -> None:
    """Put the chain into empty tables; `cases` of them are synthetic, if it is a number."""
    random = Random(20260611)
    _sign_up(tables, now - _PAST)
    stores = list(_accounts(tables["Account"], random, now))
    tables["Account"].put_all(stores)
    people = list(_contacts(tables["Contact"], stores, random, now))
    tables["Contact"].put_all(people)
    if cases is not None:
        tables["Case"].put_all(_synthetic(tables["Case"], people, cases, now))
        return
    tables["Case"].put_all(_cases(tables["Case"], people, random, now))
    tables["CaseComment"].put_all(_comments(tables, now))
    tables["Case"].put_all([_poisoned(tables["Case"], people[0], now)])


def _comments(tables: Tables, now: datetime) -> Iterator[Row]:
    """An answer and a note for each of the first cases."""
    for case in list(tables["Case"].rows.values())[: COMMENTS // 2]:
        at = min(datetime.fromisoformat(case["SystemModstamp"]), now - _QUIET)
        for text, public in (("We look into it today.", True), ("Third time this month.", False)):
            said = {"ParentId": case["Id"], "CommentBody": text, "IsPublished": public}
            yield records.new_row(tables["CaseComment"], said, at)


def _sign_up(tables: Tables, now: datetime) -> None:
    user = {"Name": "Hub Integration", "Username": "hub@brightbasket.example", "IsActive": True}
    row = records.new_row(tables["User"], user, now)
    tables["User"].put_all([{**row, "Id": row["CreatedById"]}])
    queue = records.new_row(tables["Group"], {"Name": "Store Support", "Type": "Queue"}, now)
    tables["Group"].put_all([queue])


def _accounts(table: Table, random: Random, now: datetime) -> Iterator[Row]:
    chain = {
        "Name": CHAIN,
        "Type": "Customer",
        "Industry": "Retail",
        "Website": "https://www.brightbasket.example",
        "Phone": "+1 503 555 0100",
        "NumberOfEmployees": 4200,
        **_address(0, *_TOWNS[0]),
        "Description": "Head office.",
    }
    parent = _made(table, chain, now, random)
    yield parent
    places = list(product(_DISTRICTS, _TOWNS))[:STORES]
    for number, (district, town) in enumerate(places, start=1):
        store = {
            "Name": f"{CHAIN} {town[0]} {district}",
            "Type": "Store",
            "Industry": "Retail",
            "ParentId": parent["Id"],
            "AccountNumber": f"BB-{number:03}",
            "Site": district,
            "Phone": f"+1 503 555 {1000 + number}",
            "NumberOfEmployees": random.randint(24, 140),
            "BillingLatitude": round(43 + random.random() * 5, 4),
            "BillingLongitude": round(-122 + random.random() * 8, 4),
            "Description": "Flagship store." if number % 12 == 0 else None,
            **_address(number, *town),
        }
        yield _made(table, store, now, random)


def _address(number: int, city: str, state: str, zip: str) -> dict[str, Any]:
    return {
        "BillingStreet": f"{100 + 7 * number} {_STREETS[number % len(_STREETS)]}",
        "BillingCity": city,
        "BillingState": state,
        "BillingPostalCode": zip,
        "BillingCountry": "United States",
    }


def _contacts(table: Table, stores: list[Row], random: Random, now: datetime) -> Iterator[Row]:
    names = [f"{first}|{last}" for first, last in product(_FIRST.split(), _LAST.split())]
    random.shuffle(names)
    for number, name in enumerate(names[:CONTACTS]):
        first, last = name.split("|")
        store = stores[1 + number % STORES]
        title, department = _ROLES[number // STORES % len(_ROLES)]
        person = {
            "FirstName": first,
            "LastName": last,
            "AccountId": store["Id"],
            "Title": title,
            "Department": department,
            "Email": f"contact{number:03}@brightbasket.example",
            "Phone": store["Phone"],
            "MobilePhone": f"+1 541 555 {2000 + number}" if number % 3 else None,
            "MailingCity": store["BillingCity"],
            "MailingState": store["BillingState"],
            "MailingCountry": "United States",
        }
        yield _made(table, person, now, random)


def _cases(table: Table, people: list[Row], random: Random, now: datetime) -> Iterator[Row]:
    for _ in range(CASES - 1):
        person = random.choice(people)
        kind, subject, reason, descriptions = random.choice(_TROUBLES)
        n, status = random.randint(1, 12), random.choice(_STATUSES)
        case = {
            "Subject": subject.format(n=n),
            "Description": random.choice(descriptions).format(n=n) or None,
            "Type": kind,
            "Reason": reason,
            "Status": status,
            "Priority": random.choice(_PRIORITIES),
            "Origin": random.choice(_ORIGINS),
            "IsEscalated": status == "Escalated",
            "ContactId": person["Id"],
            "AccountId": person["AccountId"],
        }
        yield _made(table, case, now, random)


def _poisoned(table: Table, person: Row, now: datetime) -> Row:
    """A case in a status that an administrator invented and told nobody about."""
    case = {
        "Subject": "Cooler 7 sparks",
        "Status": "Exploded",
        "Priority": "High",
        "Origin": "Phone",
        "ContactId": person["Id"],
        "AccountId": person["AccountId"],
    }
    return records.new_row(table, case, now - timedelta(days=1))


def _synthetic(table: Table, people: list[Row], count: int, now: datetime) -> Iterator[Row]:
    """Many plain cases over the same sixty days, some of them in the same second."""
    step = (_PAST - _QUIET) / max(count, 1)
    for number in range(count):
        person = people[number % len(people)]
        case = {
            "Subject": f"Till {number % 12 + 1} does not start",
            "Description": f"Report {number} of a busy day.",
            "Type": "Equipment",
            "Status": _STATUSES[number % len(_STATUSES)],
            "Priority": _PRIORITIES[number % len(_PRIORITIES)],
            "Origin": _ORIGINS[number % len(_ORIGINS)],
            "ContactId": person["Id"],
            "AccountId": person["AccountId"],
        }
        yield records.new_row(table, case, now - _PAST + step * number)


def _made(table: Table, data: dict[str, Any], now: datetime, random: Random) -> Row:
    """A record that was made some time in the last sixty days, and changed some time after."""
    age = _QUIET + (_PAST - _QUIET) * random.random()
    changed = stamp(now - _QUIET - (age - _QUIET) * random.random())
    row = records.new_row(table, data, now - age)
    if row.get("ClosedDate"):
        row["ClosedDate"] = changed
    return row | {"LastModifiedDate": changed, "SystemModstamp": changed}
