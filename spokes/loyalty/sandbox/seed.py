"""What the loyalty service holds to begin with: invented members, or a folder's records."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import orjson

from spokes.loyalty.sandbox.ledger import FIELDS, Ledger, Row

FIRST = ("Ada", "Bruno", "Chiara", "Deniz", "Elin", "Farid", "Greta", "Hugo", "Ines", "Jonas")
LAST = ("Abend", "Berger", "Castel", "Duarte", "Ek", "Fischer", "Grau", "Holm", "Ivanova", "Jansen")
TOWNS = (("Lindau", "88131", "DE"), ("Bergen", "5003", "NO"), ("Linz", "4020", "AT"), ("Porto", "4000-008", "PT"))  # fmt: skip
MEMBERS, MOVEMENTS = 150, 400
CLAIM_EVERY = 25


def fill(ledger: Ledger, now: datetime, folder: Path | None) -> None:
    """`folder` holds `members.json` and `points.json`, lists of records as the API shows them."""
    if folder is None:
        _invent(ledger, now)
        return
    for name, fields in FIELDS.items():
        file = folder / f"{name}.json"
        for row in orjson.loads(file.read_bytes()) if file.exists() else ():
            at = datetime.fromisoformat(row["changed_at"])
            kept = {key: value for key, value in row.items() if key in fields}
            ledger.create(name, kept, at, at, row["id"])


def _invent(ledger: Ledger, now: datetime) -> None:
    chance = Random(13)  # what is invented is the same every time
    begin = now.replace(microsecond=0) - timedelta(days=60)
    members = [
        ledger.create("members", _member(chance, index), at := begin + timedelta(hours=index), at)
        for index in range(MEMBERS)
    ]
    begin += timedelta(hours=MEMBERS)
    for index in range(MOVEMENTS):
        at = begin + timedelta(hours=2 * index)
        ledger.create("points", _movement(chance, chance.choice(members), index), at, at)


def _member(chance: Random, index: int) -> Row:
    first, last = FIRST[index % 10], LAST[index // 10 % 10]
    city, postcode, country = chance.choice(TOWNS)
    return {
        "first_name": first,
        "last_name": last,
        "email": f"{first}.{last}{index}@members.example".lower(),
        "email_verified": chance.random() < 0.8,
        "phone": f"+49 800 {index:06}" if chance.random() < 0.5 else None,
        "street": f"Ahornweg {chance.randrange(1, 90)}",
        "city": city,
        "postcode": postcode,
        "country": country,
        "language": "de",
        "tier": chance.choice(("basic", "basic", "basic", "silver", "gold")),
    }


def _movement(chance: Random, member: str, index: int) -> Row:
    claim = index % CLAIM_EVERY == CLAIM_EVERY - 1
    return {
        "member_id": member,
        "kind": "claim" if claim else "earn",
        "points": chance.randrange(5, 300),
        "state": "claimed" if claim else "booked",
        "store_number": f"{chance.randrange(1, 60):04}",
        "receipt": f"R{chance.randrange(10**8):08}",
        "note": "The points of this purchase are missing." if claim else None,
    }
