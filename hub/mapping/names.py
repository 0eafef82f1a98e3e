"""What generated source can reach: these names, and the constants of its mapping."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from hub.mapping import functions
from hub.mapping.faults import FAILURES
from hub.mapping.functions import ABSENT
from hub.mapping.heads import BareHead
from hub.mapping.kinds import FOUR_DECIMALS, Ref

NAMES: Mapping[str, Any] = {
    "ABSENT": ABSENT,
    "BareHead": BareHead,
    "FAILURES": FAILURES,
    "MANY": 16,
    "FOUR_DECIMALS": FOUR_DECIMALS,
    "Ref": Ref,
    "UTC": UTC,
    "datetime": datetime,
    "at": functions.at,
    "calculate": functions.calculate,
    "compare": functions.compare,
    "contains": functions.contains,
    "combine": datetime.combine,
    "convert": msgspec.convert,
    "dict": dict,
    "dig": functions.dig,
    "from_iso": datetime.fromisoformat,
    "getter": functions.getter,
    "int": int,
    "items": functions.items,
    "len": len,
    "lookup": functions.lookup,
    "list": list,
    "map": map,
    "put": functions.put,
    "ref": functions.ref,
    "select": functions.select,
    "show": functions.show,
    "float": float,
    "refuse": functions.refuse,
    "round": round,
    "str": str,
    "strip": str.strip,
    "theirs": functions.theirs,
    "timedelta": timedelta,
}
"""Everything that generated source can reach."""
