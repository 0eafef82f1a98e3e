"""Entries that are edited over there: ours follow, and the audit keeps what they said before.

    theirs ─▶ as they said it last? ─▶ ours with other blanks? ─▶ else our text is theirs
                     │                         │
                     └────── nothing ◀─────────┘

What is public here becomes internal with theirs; what is internal here never becomes public.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.store import enclosed, journal
from hub.store.audit import Entry
from hub.store.database import Transaction
from hub.store.enclosed import NOTES, OURS
from hub.store.journal import INTERNAL
from hub.store.records import Row
from hub.sync.reading import Item
from hub.sync.records.wording import (
    KEEPS_OURS,
    as_they_say_it,
    as_we_say_it,
    digest,
    plainly,
    words,
)


@dataclass(slots=True)
class Followed:
    """The entries that say something else now, and what each link knows of their words, by key."""

    rows: list[Row] = field(default_factory=list[Row])
    audit: list[Entry] = field(default_factory=list[Entry])
    bases: dict[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])


def follow(tx: Transaction, connection: str, items: Sequence[Item]) -> Followed:
    """Make our entries say what theirs do now. Three statements; none if they say it already."""
    told = Followed()
    moved = {item.link.sys_id: item for item in items if item.link and not _as_before(item)}
    rows = enclosed.entries(tx, list(moved))
    for sys_id, row in rows.items():
        item = moved[sys_id]
        text = _text(item, row, connection)
        after = _after(item, row, text)
        told.bases[item.key] = _base(item, row, after, followed=text is not None)
        if after is not row:
            told.rows.append(after)
            told.audit += _entries(item, row, after, connection)
    enclosed.rewrite(tx, told.rows)
    return told


def _as_before(item: Item) -> bool:
    """Whether they say what they said when we looked last."""
    known, text = _known(item), item.value("value")
    same = text is not None and known.get("value") == digest(text)
    return item.gone or (same and known["element"] == item.value("element"))


def _known(item: Item) -> Mapping[str, Any]:
    """Their words when we looked last, as `wording.words` has them."""
    return (item.link.base if item.link else None) or {}


def _text(item: Item, row: Row, connection: str) -> str | None:
    """The text that ours has to be; None if they have not changed it, or ours stays anyway."""
    theirs = item.value("value")
    if not theirs or item.mapping.owner_of("value") in KEEPS_OURS:
        return None
    if _is_how_they_write_it(item, row, connection):
        return None
    known = _known(item).get("value")
    if known is None:
        known = _before(item, row, connection)
    return None if known in {"", digest(theirs)} else as_we_say_it(item.mapping, row, theirs)


def _before(item: Item, row: Row, connection: str) -> str:
    """The digest of what they said, where the link does not have it; empty if nobody knows.

    Of what came from them it has only that they said what we did: new entries are many.
    """
    ours, said = _known(item).get(OURS), row["value"]
    if row["hub_source"] != connection:
        said = as_they_say_it(item.mapping, row).get("value")
    elif ours and ours != row["hub_hash"]:  # somebody else has edited it since
        of, theirs = (row["sys_created_by"], row["sys_created_on"]), item.value("value")
        if ours in {journal.digest(element, *of, theirs) for element in journal.JOURNALS}:
            said = theirs
    return "" if said is None else digest(said)


def _is_how_they_write_it(item: Item, row: Row, connection: str) -> bool:
    """Whether this is what we sent, which nobody has touched, in whatever form they keep it.

    Or it is what was there before we sent that: a poll had read it already.
    """
    link, record = item.link, item.record
    assert link is not None
    untouched = record.version != "" and record.version == link.version and not link.digest
    return untouched or (record.digest == link.digest and row["hub_source"] != connection)


def _after(item: Item, row: Row, text: str | None) -> Row:
    """The entry as it is from now on; the very same one if nothing changes."""
    internal = item.value("element") == INTERNAL
    element = INTERNAL if internal else row["element"]
    value = row["value"] if text is None or plainly(text) == plainly(row["value"]) else text
    if (element, value) == (row["element"], row["value"]):
        return row
    after = row | {"element": element, "value": value}
    after["hub_hash"] = journal.digest(element, row["sys_created_by"], row["sys_created_on"], value)
    return after


def _base(item: Item, row: Row, after: Row, *, followed: bool) -> Mapping[str, Any]:
    """Their words now. What they lack of ours they lack still, unless theirs are ours from now on."""
    ours = _known(item).get(OURS, "")
    in_step = not ours or ours == row["hub_hash"]
    agreed = followed and item.value("element") == after["element"]
    if agreed or (in_step and (ours or followed)):
        ours = after["hub_hash"]
    said = words(item.value("element"), item.value("value"), ours)
    return said if said["value"] else {**said, "value": _known(item).get("value", "")}


def _entries(item: Item, row: Row, after: Row, connection: str) -> Iterator[Entry]:
    for name in ("element", "value"):
        if row[name] != after[name]:
            yield Entry(
                str(NOTES.table.name), row["sys_id"], name, row[name], after[name], connection,
                connection, item.key, item.mapping.place(name),
            )  # fmt: skip
