"""The records that are measured with: Salesforce-like cases, and the stores that they refer to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import orjson

MAPPINGS = Path(__file__).parent / "mappings"
PAGE = 2000
STORES = 900
CHANGED_ONE_IN = 100
STATUSES = ("New", "Working", "Escalated", "On Hold", "Closed")
PRIORITIES = ("High", "Medium", "Low")
TYPES = ("Problem", "Question", None)
START = datetime(2026, 1, 1, tzinfo=UTC)
BERLIN = timezone(timedelta(hours=2))


def case(number: int, *, changed: bool = False) -> dict[str, Any]:
    """A case of 22 keys and about 970 bytes, with a nested address and one reference."""
    at = START + timedelta(seconds=number)
    closed = number % 5 == 4
    return {
        "Id": f"500{number:015d}",
        "CaseNumber": f"{number:08d}",
        "SystemModstamp": _zulu(at + timedelta(days=200 if changed else 0)),
        "CreatedDate": _zulu(at),
        "ClosedDate": _offset(at + timedelta(days=3)) if closed else None,
        "LastModifiedDate": _offset(at),
        "IsDeleted": False,
        "IsEscalated": number % 17 == 0,
        "Subject": f" Till {number % 40} in store {number % STORES} does not print"
        + (" again" if changed else " "),
        "Description": None if number % 3 == 0 else TEXT,
        "Comments": TEXT if number % 3 == 0 else "Called twice.",
        "Status": STATUSES[number % len(STATUSES)],
        "Priority": PRIORITIES[number % len(PRIORITIES)],
        "Origin": "Phone" if number % 2 else "Web",
        "Type": TYPES[number % len(TYPES)],
        "Reason": "Equipment",
        "AccountId": store_id(number % STORES),
        "SuppliedName": f"Clerk {number % 500}",
        "SuppliedEmail": f"Clerk{number % 500}@Example.com",
        "Amount__c": (number % 90_000) / 100,
        "Tags__c": "till;printer;urgent" if number % 4 else None,
        "BillingAddress": {
            "street": f"{number % 200} High Street", "city": "Leeds", "postalCode": "LS1 1AA",
            "state": "West Yorkshire", "country": "United Kingdom",
        },
    }  # fmt: skip


TEXT = (
    "The receipt printer stays dark. We changed the paper and the cable; the display says E-12 "
    "and the queue grows. Please call the duty manager back. "
) * 2


def store(number: int) -> dict[str, Any]:
    return {
        "Id": store_id(number),
        "SystemModstamp": _zulu(START),
        "Name": f"Store {number}",
        "AccountNumber": f"S{number}",
        "BillingCity": "Leeds",
    }


def store_id(number: int) -> str:
    return f"001{number:015d}"


def pages(records: int) -> int:
    """How many pages hold that many records."""
    return -(-records // PAGE)


def page(number: int, records: int, *, changed: bool = False) -> bytes:
    """One page of cases as a vendor's answer; `changed`: one case in a hundred is newer."""
    those = range(number * PAGE, min((number + 1) * PAGE, records))
    found = [case(n, changed=changed and n % CHANGED_ONE_IN == 0) for n in those]
    return orjson.dumps({"totalSize": records, "records": found})


def stores() -> bytes:
    """All stores, in one page."""
    return orjson.dumps({"totalSize": STORES, "records": [store(n) for n in range(STORES)]})


def _zulu(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def _offset(at: datetime) -> str:
    return at.astimezone(BERLIN).strftime("%Y-%m-%dT%H:%M:%S.000+0200")
