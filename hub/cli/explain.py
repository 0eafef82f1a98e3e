"""`hub explain`: why a field has the value that it has."""

from __future__ import annotations

import json
from dataclasses import asdict
from difflib import get_close_matches
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.home import HERE, Folder, opened
from hub.cli.screen import Failure, note, out, table

if TYPE_CHECKING:  # they take a while to import
    from hub.app import Hub
    from hub.store.database import Transaction
    from hub.store.entities import Entity
    from hub.store.records import Row
    from hub.sync.insight.explain import Explained

MOST_SHOWN = 20  # journal entries


def explain(
    name: Annotated[str, typer.Argument(metavar="TABLE", help="case, account, incident ...")],
    key: Annotated[str, typer.Argument(metavar="NUMBER", help="Its number or sys_id.")],
    field: Annotated[str, typer.Argument(metavar="[FIELD]", help="Default: all.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    folder: Folder = HERE,
) -> None:
    """Tell who gave each value, by which mapping line, what it overruled, and where it goes next."""
    from hub.store import entities, records
    from hub.sync.insight import explain as explaining

    entity = entities.find(name)
    with opened(folder) as (_, hub), hub.db.read() as tx:
        row = records.find(tx, entity, key)
        if row is None:
            raise Failure(_no_such_record(tx, hub, entity, key))
        known = list(explaining.fields_of(entity, row))
        if field and field not in known:
            raise Failure(_no_such_field(entity, field, known))
        found = explaining.explain(tx, hub.connections, entity, row, only=field)
    if as_json:
        out.print_json(json.dumps([asdict(one) for one in found], default=str))
    elif field:
        _show_one(found[0], f"{entity.name} {row.get('number') or key} {field}")
    else:
        _show_all(found, f"{entity.name} {row.get('number') or key}")


def _show_all(found: list[Explained], title: str) -> None:
    columns = ["field", "value", "given by", "mapping", "when", "before", "goes to"]
    rows = [
        [one.field, _value(one), _giver(one), _place(one), str(one.at or ""), one.previous or "",
         _outlets(one)]
        for one in found
    ]  # fmt: skip
    table(title, columns, rows)
    for one in found:
        for conflict in one.conflicts:
            if conflict.open:
                note(
                    f"{one.field}: conflict {conflict.id} is open: hub conflicts show {conflict.id}"
                )


def _show_one(one: Explained, title: str) -> None:
    rows = [
        ["value", _value(one)],
        ["given by", _giver(one)],
        ["external id", one.external_id],
        ["mapping", _place(one)],
        ["owner", one.owner],
        ["mapping digest", one.mapping_digest],
        ["job", one.job],
        ["when", str(one.at or "")],
        ["why", one.reason],
        ["overruled", one.previous or ""],
        ["waits for", one.awaits],
        *[["conflict", _conflict(each)] for each in one.conflicts],
        *chain.from_iterable(map(_entries, one.entries[:MOST_SHOWN])),
        *[["goes to", _outlet(each)] for each in one.outlets],
    ]
    table(title, ["", "what"], [row for row in rows if row[1]])
    if len(one.entries) > MOST_SHOWN:
        note(f"these are the newest {MOST_SHOWN} of {len(one.entries)} entries: see hub show")
    if not one.outlets:
        note("no connection writes this field back")


def _value(one: Explained) -> str:
    if one.entries:
        return f"{len(one.entries)} entries"
    if one.value is None or one.value == "":
        return "(empty)"
    text = one.value if isinstance(one.value, str) else json.dumps(one.value, ensure_ascii=False)
    return f"{text} ({one.display})" if one.display and one.display != text else text


def _giver(one: Explained) -> str:
    match one.giver:
        case "connection":
            return f"{one.connection} {one.external_id}".strip()
        case "person":
            return one.by
        case "rule":
            return f"rule, after {one.connection or one.by}" if one.connection or one.by else "rule"
        case "nobody":
            return f"nobody yet: it waits for {one.awaits}" if one.awaits else "nobody"
        case "hub":
            return "the hub"
        case "default":
            return "default"


def _place(one: Explained) -> str:
    return f"{one.place} (the mapping has changed since)" if one.mapping_changed else one.place


def _outlets(one: Explained) -> str:
    return ", ".join(
        each.connection if each.state == "in step" else f"{each.connection}: {each.state}"
        for each in one.outlets
    )


def _outlet(each: Any) -> str:
    arrow = "⇄" if each.two_way else "→" if each.read else "←"
    there = f"{each.connection}/{each.stream} {each.external_id}".strip()
    return f"{there}: {each.state} ({arrow} {each.place}, owner {each.owner})"


def _conflict(each: Any) -> str:
    lost = {"ours": each.theirs, "theirs": each.ours}.get(each.stayed)
    what = (
        f"ours {each.ours!r}, theirs {each.theirs!r}"
        if each.stayed == "both"
        else f"{each.stayed} stayed, {lost!r} lost"
    )
    how = "open" if each.open else f"{each.resolved_how} by {each.resolved_by}"
    return f"{each.id} with {each.connection}: {what} (owner {each.policy}; {how})"


def _entries(each: Any) -> list[list[str]]:
    """An entry, and what it said before each of its edits."""
    came = f" from {each.connection} {each.external_id}" if each.connection else ""
    before = [
        ["edited", f"{edit.at} at {edit.connection} {edit.external_id}, was: {_as_it_was(edit)}"]
        for edit in each.edits
    ]
    return [["entry", f"{each.at} {each.by}{came}: {each.text}"], *before]


def _as_it_was(edit: Any) -> str:
    return edit.old if edit.field == "value" else f"one of the {edit.old}"


def _no_such_field(entity: Entity, field: str, known: list[str]) -> str:
    near = get_close_matches(field.lower(), known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"it has: {', '.join(known)}"
    return f"{entity.name} has no field {field!r}; {hint}"


def _no_such_record(tx: Transaction, hub: Hub, entity: Entity, key: str) -> str:
    said = f"no {entity.name} has the number or sys_id {key!r}"
    if meant := _meant(tx, hub, entity, key):
        return f"{said}; did you mean {' or '.join(meant)}?"
    return f"{said}; hub explain takes them as hub show does, not an external id of elsewhere"


def _meant(tx: Transaction, hub: Hub, entity: Entity, key: str) -> list[str]:
    """What somebody may have meant who typed a short number, an external id, or another table."""
    from hub.store import entities, links, records

    found: list[str] = []
    digits = "".join(char for char in key if char.isascii() and char.isdigit())[:18]
    if entity.prefix and digits:
        full = f"{entity.prefix}{int(digits):0{entity.digits}}"
        if full != key and records.find(tx, entity, full):
            found.append(full)
    for connection in hub.connections.values():
        wanted = [(stream, key) for stream in connection.mappings]
        there = links.targets(tx, connection.name, wanted)
        for (stream, _, of_table), sys_id in there.items():
            if of_table == entity.table.name:
                row: Row = records.read(tx, entity, [sys_id]).get(sys_id, {})
                called = row.get("number") or sys_id
                found.append(f"{called} (which is {connection.name}/{stream} {key})")
    others = [one for one in entities.ALL if one.prefix and one is not entity]
    found += [
        f"hub explain {other.name} {key.upper()}"
        for other in others
        if key.upper().startswith(other.prefix) and records.find(tx, other, key.upper())
    ]
    return found
