"""What the PLM holds to begin with: an invented retailer's own brands, or a folder's records."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import orjson

from spokes.plm.sandbox.tables import SEVERITIES, STATES, Row, Table, stamp

THINGS = (
    "Kettle 1.7 l", "Hand blender", "Toaster, two slots", "LED bulb 8 W", "Garden hose 20 m",
    "Folding chair", "Step ladder", "Baby monitor", "Bicycle lamp", "Power bank", "Heated blanket",
    "Cordless drill", "Coffee grinder", "Desk fan", "Extension lead", "Pressure cooker",
)  # fmt: skip
BRANDS = ("Hearthline", "Bright & Basic", "Nordfeld")
SUPPLIERS = ("Kestrel Components", "Ostrava Moulding", "Shen Yi Electric", "Tessaro")
FAULTS = (
    "handle breaks", "does not switch on", "smells of burning", "lid leaks", "cable too short",
    "wrong label", "switch gets hot", "battery swells", "paint peels", "screw missing",
)  # fmt: skip
PARTS, DEFECTS = 48, 120


def fill(tables: Mapping[str, Table], now: datetime, folder: Path | None) -> None:
    """`folder` holds `parts.json` and `defects.json`, lists of records as the API shows them."""
    if folder is None:
        _invent(tables, now)
        return
    for name, table in tables.items():
        file = folder / f"{name}.json"
        for row in orjson.loads(file.read_bytes()) if file.exists() else ():
            at = datetime.fromisoformat(row["modified_at"])
            kept = {key: value for key, value in row.items() if key not in _OWN}
            table.create(kept, at, at, row[table.key])


_OWN = {"id", "number", "modified_at", "created_at", "deleted"}


def _invent(tables: Mapping[str, Table], now: datetime) -> None:
    chance = Random(7)  # what is invented is the same every time
    begin = now.replace(microsecond=0) - timedelta(days=90)
    for index in range(PARTS):
        at = begin + timedelta(hours=index)
        part = {
            "name": f"{THINGS[index % len(THINGS)]}, type {'ABC'[index // len(THINGS)]}",
            "brand": chance.choice(BRANDS),
            "supplier": chance.choice(SUPPLIERS),
            "gtin": f"40{chance.randrange(10**11):011}",
            "hold": _hold(at) if index % 9 == 4 else None,
        }
        tables["parts"].create(part, at, at)
    for index in range(DEFECTS):
        at = begin + timedelta(days=3, hours=16 * index)
        tables["defects"].create(_defect(chance), at, at)


def _hold(at: datetime) -> Row:
    return {
        "reason": "Under investigation: do not sell",
        "since": stamp(at),
        "released_at": None,
        "severity": "major",
    }


def _defect(chance: Random) -> Row:
    number = chance.randrange(1, PARTS + 1)
    store = f"{chance.randrange(1, 60):04}"
    return {
        "title": f"{THINGS[(number - 1) % len(THINGS)]}: {chance.choice(FAULTS)}",
        "description": f"Reported by a customer of store {store}.",
        "state": chance.choice(STATES),
        "severity": chance.choice(SEVERITIES),
        "part": f"P-{number:06}",
        "batch": f"B{chance.randrange(10**5):05}",
        "store_number": store,
        "reporter": {"name": f"Store {store}", "email": f"store{store}@brightbasket.example"},
    }
