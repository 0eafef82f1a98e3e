"""The one way in which a record changes, whoever asks: poll, webhook, API, rule.

    patches ─▶ read rows once ─▶ merge ─▶ rules ─▶ no difference? no effect
                                             └────▶ rows, children, journal, audit, jobs: in bulk

That a patch without a difference has no effect is what makes everything repeatable and lets
every echo die.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import uuid4

from hub import queue
from hub.service import rules
from hub.store import audit, entities, journal, numbers, records
from hub.store.audit import Entry
from hub.store.database import Transaction
from hub.store.entities import Entity
from hub.store.journal import INTERNAL, JOURNALS, Note
from hub.store.records import Row
from hub.sync.connection import Connections
from hub.sync.jobs import Push, request
from hub.sync.records import audience, children, ended, flows, seeking
from hub.sync.records.disputes import Disputes
from hub.sync.records.merge import Merged
from hub.sync.records.patch import Origin, Patch


@dataclass(slots=True)
class Amended:
    """What became of a patch: the row as it is now, and what really changed.

    `kept` are the fields in which they must hear that ours stays.
    """

    patch: Patch
    row: Row
    created: bool = False
    changed: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()


def amend(
    tx: Transaction,
    connections: Connections,
    patches: Sequence[Patch],
    origin: Origin,
    *,
    now: datetime,
    jobs: Iterable[queue.Request] = (),
    change_set: str = "",
) -> list[Amended]:
    """Apply patches; `jobs` are put together with the Push jobs that follow.

    Two patches of one record in one call: the later one wins where both speak. Raises
    `rules.Refused` for a command that the rules do not allow; then nothing is changed.
    """
    found, taken = _found(tx, patches)
    rows = found.rows
    disputes = Disputes(tx, connections, origin, now, patches, rows, found.conflicts)
    work = _Batch(origin, now, change_set or uuid4().hex, disputes, taken, _lines(found))
    results = []
    for patch in patches:
        result = _decide(work, patch, rows.get(patch.sys_id))
        rows[patch.sys_id] = result.row
        results.append(result)
    _number(tx, work, results)
    _store(tx, work, results)
    pushes = _pushes(connections, origin, results)
    woken = seeking.after_changes(
        tx, connections, origin.connection, (_as_changed(result) for result in results)
    )
    told_on = audience.after_notes(connections, work.notes)
    news = map(_as_news, results) if connections.own else ()
    looked_at = flows.after_changes(connections, origin, news, now=now)
    queue.put(tx, [*jobs, *pushes, *told_on, *woken, *looked_at], now=now.timestamp())
    return results


@dataclass(slots=True)
class _Batch:
    """What one call of `amend` gathers before it writes."""

    origin: Origin
    now: datetime
    change_set: str
    disputes: Disputes
    taken: set[tuple[str, str]]
    existing: dict[str, dict[str, Row]]
    entries: list[Entry] = field(default_factory=list[Entry])
    notes: list[Note] = field(default_factory=list[Note])
    lines: dict[str, dict[str, Row]] = field(default_factory=dict[str, dict[str, Row]])
    ended: list[tuple[Patch, Row]] = field(default_factory=list[tuple[Patch, Row]])


def _found(tx: Transaction, patches: Sequence[Patch]) -> tuple[records.Found, set[tuple[str, str]]]:
    """What there is of the patches' records, and the numbers that others have. One statement."""
    wanted: dict[str, list[Patch]] = {}
    for patch in patches:
        if not patch.fresh:
            wanted.setdefault(patch.entity.name, []).append(patch)
    asked = []
    for name, those in wanted.items():
        entity, listed = entities.find(name), children.entity_of(those)
        ids = tuple(dict.fromkeys(patch.sys_id for patch in those))
        records.lock(tx, entity, ids)
        column = children.parent(listed, entity) if listed else ""
        asked.append(records.Wanted(entity, ids, listed, column))
    numbers: dict[str, dict[str, str]] = {}
    for patch in patches:
        if number := patch.values.get("number"):
            numbers.setdefault(patch.entity.table.name, {}).setdefault(number, patch.sys_id)
    found = records.read_all(tx, asked, numbers)
    return found, _taken_numbers(patches, numbers, found.numbered)


def _lines(found: records.Found) -> dict[str, dict[str, Row]]:
    """The children that there are, by the sys_id of their parent and their external id."""
    return {
        sys_id: {line["external_id"]: line for line in those}
        for sys_id, those in found.children.items()
    }


def _taken_numbers(
    patches: Sequence[Patch],
    first: Mapping[str, Mapping[str, str]],
    numbered: Mapping[tuple[str, str], str],
) -> set[tuple[str, str]]:
    """(sys_id, number) of those patches whose number another record has, or asked for before."""
    taken = set()
    for patch in patches:
        table, number = patch.entity.table.name, patch.values.get("number")
        if number and numbered.get((table, number), first[table][number]) != patch.sys_id:
            taken.add((patch.sys_id, number))
    return taken


def _decide(work: _Batch, patch: Patch, before: Row | None) -> Amended:
    """What a patch comes to. Pure but for what it adds to `work`."""
    if patch.ends:
        if before is not None:
            work.ended.append((patch, before))
        return Amended(patch, before or _blank(patch))
    after = dict(before) if before else _blank(patch)
    values, journals, merged = _wished(work, patch, before)
    custom = {name: values.pop(name) for name in list(values) if name.startswith("u_")}
    after |= values
    if custom:
        after["hub_custom"] = (after.get("hub_custom") or {}) | custom
    derived = rules.derive(
        patch.entity.name, before, after, set(patch.values), now=work.now,
        reported=patch.replicates,
    )  # fmt: skip
    after |= derived
    changed = _difference(before, after, values.keys() | derived.keys(), custom)
    told = changed | journals.keys()
    if work.origin.command and (
        faults := rules.command_faults(patch.entity.name, before, after, told)
    ):
        raise rules.Refused("; ".join(faults))
    existing = work.existing.setdefault(patch.sys_id, {})
    moved = children.gather(work.lines, existing, patch, now=work.now)
    if changed or moved or before is None:
        after["sys_updated_on"] = max(work.now, before["sys_updated_on"]) if before else work.now
        after["sys_updated_by"] = work.origin.user
        after["sys_mod_count"] = (before["sys_mod_count"] + 1) if before else 0
    work.notes += _notes(work, patch, journals)
    _audit(work, patch, before, after, changed | moved, derived.keys(), merged.kept)
    work.disputes.note(patch, merged, after, changed)
    kept = frozenset(name for name in merged.kept if patch.owner_of(name) != "manual")
    return Amended(patch, after, before is None, frozenset(told | moved), kept)


def _blank(patch: Patch) -> Row:
    """A new record, before anybody has said anything about it."""
    return patch.entity.blank | {"sys_id": patch.sys_id}


def _wished(
    work: _Batch, patch: Patch, before: Row | None
) -> tuple[dict[str, Any], dict[str, str], Merged]:
    """(values to set, journal texts to add, what both sides changed)."""
    values = dict(patch.values)
    journals = {name: values.pop(name) for name in JOURNALS if name in values}
    journals = {name: text for name, text in journals.items() if text}
    if (patch.sys_id, values.get("number")) in work.taken:
        del values["number"]
    if before is None or not patch.replicates:
        if before is None:
            values.setdefault("sys_created_on", work.now)
            values.setdefault("sys_created_by", work.origin.user)
        return values, journals, Merged()
    merged = work.disputes.merged(patch, values, before)
    return dict(merged.taken), journals, merged


def _notes(work: _Batch, patch: Patch, journals: Mapping[str, str]) -> list[Note]:
    """Texts that were written, and entries that came from outside with ids of their own."""
    table, origin = patch.entity.table.name, work.origin
    written = [
        note_of(table, patch.sys_id, element, value, origin, work.now, reported=patch.replicates)
        for element, value in journals.items()
    ]
    received = [
        Note(
            table, patch.sys_id, entry.get("element") or INTERNAL, entry["value"],
            entry.get("sys_created_by") or origin.user, entry.get("sys_created_on") or work.now,
            origin.connection, key,
        )
        for key, entry in patch.notes
        if entry.get("value")
    ]  # fmt: skip
    return [*written, *received]


def note_of(
    table: str, sys_id: str, element: str, text: str, origin: Origin, now: datetime, *,
    reported: bool,
) -> Note:  # fmt: skip
    """A journal entry that came as a field's value."""
    name = _name_of(text) if reported else ""
    return Note(table, sys_id, element, text, origin.user, now, origin.connection, name)


def _name_of(text: str) -> str:
    """What names an entry that came without an id: its text, so that it is told once."""
    return sha256(text.encode()).hexdigest()


def _difference(
    before: Row | None, after: Row, fields: Iterable[str], custom: Mapping[str, Any]
) -> set[str]:
    if before is None:
        return {name for name in fields if after.get(name) is not None} | set(custom)
    known = before.get("hub_custom") or {}
    changed = {name for name in fields if before.get(name) != after.get(name)}
    return changed | {name for name, value in custom.items() if known.get(name) != value}


def _audit(
    work: _Batch, patch: Patch, before: Row | None, after: Row, changed: set[str],
    derived: Container[str], kept: dict[str, Any],
) -> None:  # fmt: skip
    if before is None:
        work.entries.append(_entry(work, patch, audit.WHOLE_RECORD))
    odd = rules.anomaly(patch.entity.name, before, after) if "state" in changed else ""
    for name in sorted(changed) if before else ():
        old, new = value_of(before or {}, name), value_of(after, name)
        entry = _entry(
            work, patch, name, audit.spelled(old), audit.spelled(new),
            (odd if name == "state" else "") or patch.reason,
        )  # fmt: skip
        work.entries.append(replace(entry, place=audit.BY_RULE) if name in derived else entry)
    number = patch.values.get("number")
    lost_number = {"number": number} if (patch.sys_id, number) in work.taken else {}
    for name, lost in (kept | lost_number).items():
        mine = audit.spelled(value_of(after, name))
        reason = f"conflict: kept ours, theirs was {audit.spelled(lost)}"
        work.entries.append(_entry(work, patch, name, mine, mine, reason))


def _entry(
    work: _Batch, patch: Patch, name: str, old: str | None = None, new: str | None = None,
    reason: str = "",
) -> Entry:  # fmt: skip
    origin, place = work.origin, patch.place_of(name) if patch.place_of else ""
    return Entry(
        patch.entity.table.name, patch.sys_id, name, old, new, origin.user, origin.connection,
        patch.external_id, place, reason,
    )  # fmt: skip


def value_of(row: Row, name: str) -> Any:
    """The value of a field, custom or not."""
    return (row.get("hub_custom") or {}).get(name) if name.startswith("u_") else row.get(name)


def _number(tx: Transaction, work: _Batch, results: Sequence[Amended]) -> None:
    """Give every new row that has none its number. One statement for all of them."""
    latest = {r.row["sys_id"]: (r.patch.entity, r.row) for r in results}
    rows = [latest[r.row["sys_id"]] for r in results if r.created]
    rows += [
        (entities.find(name), row) for name, those in work.lines.items() for row in those.values()
    ]
    wanting = [(entity, row) for entity, row in rows if entity.prefix and not row.get("number")]
    counts = Counter(entity.prefix for entity, _ in wanting)
    upcoming = numbers.allocate(tx, counts, _imported(rows))
    for entity, row in wanting:
        n = upcoming[entity.prefix]
        upcoming[entity.prefix] = n + 1
        row["number"] = numbers.format_number(entity.prefix, n, entity.digits)


def _imported(rows: Sequence[tuple[Entity, Row]]) -> dict[str, int]:
    """The highest number of each series that came from outside: the series moves past it."""
    highest: dict[str, int] = {}
    for entity, row in rows:
        found = numbers.highest(entity, [row["number"]]) if row.get("number") else None
        if found is not None:
            highest[entity.prefix] = max(found, highest.get(entity.prefix, found))
    return highest


def _store(tx: Transaction, work: _Batch, results: Sequence[Amended]) -> None:
    work.entries += ended.end(tx, work.ended, work.origin)
    rows: dict[str, dict[str, Row]] = {}
    for result in results:
        if result.created or result.changed:
            rows.setdefault(result.patch.entity.name, {})[result.row["sys_id"]] = result.row
    for name, those in rows.items():
        records.write(tx, entities.find(name), list(those.values()))
    for name, lines in work.lines.items():
        records.write(tx, entities.find(name), list(lines.values()))
    work.disputes.save()
    journal.append(tx, work.notes)
    audit.append(tx, work.entries, change_set=work.change_set, job=work.origin.job, at=work.now)


def _as_changed(result: Amended) -> seeking.Changed:
    changed = None if result.created else result.changed
    return result.patch.entity.table.name, result.row, changed, result.patch.external_id


def _as_news(result: Amended) -> flows.Changed:
    patch = result.patch
    return flows.Changed(
        patch.entity.table.name, patch.sys_id, result.changed, patch.values, created=result.created
    )


def _pushes(
    connections: Connections, origin: Origin, results: Sequence[Amended]
) -> list[queue.Request]:
    """A Push to everybody who shows what changed, except to where it came from.

    There, only what they have changed as well and must take back. A record of our own store may
    have been made of several, all of which hear what one of them has said.
    """
    pushes: dict[tuple[str, str], queue.Request] = {}
    for result in results:
        if not (result.changed or result.created or result.kept):
            continue
        table = result.patch.entity.table.name
        for connection, stream, mapping in connections.outlets(table):
            news = result.kept if connection == origin.connection else result.changed
            hops = 0
            if connection in connections.own:
                news = news if result.created else news | result.changed
                hops = origin.hops + 1
            if mapping.writes & news:
                job = Push(connection, stream, table, result.row["sys_id"], hops)
                pushes[job.kind, job.key] = request(job)
    return list(pushes.values())


__all__ = ["Amended", "Origin", "Patch", "amend", "note_of", "value_of"]
