"""`hub conflicts`: fields that both sides changed, and a person's word on them."""

from __future__ import annotations

import getpass
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.home import HERE, Folder, connection, opened
from hub.cli.screen import Failure, ago, counted, note, out, say, table

if TYPE_CHECKING:  # they take a while to import
    from hub.app import Hub
    from hub.store.conflicts import Conflict
    from hub.store.database import Transaction
    from hub.store.records import Row
    from hub.sync.records.choosing import Choice, Taken

app = typer.Typer(help="Fields that both sides changed.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="NUMBER", help="As `hub conflicts list` shows it.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
MOST_SHOWN = 200
AT_ONCE = 500  # conflicts that are decided in one transaction
BIGGEST = 2**63 - 1  # as the database counts


@app.command("list")
def list_(
    name: Annotated[str, typer.Argument(metavar="[CONNECTION]", help="Default: all.")] = "",
    resolved: Annotated[
        bool, typer.Option("--resolved", help="Those that are over, in place of the open ones.")
    ] = False,
    as_json: AsJson = False,
    folder: Folder = HERE,
) -> None:
    """Show where the two sides differ, newest first."""
    from hub.store import conflicts

    with opened(folder) as (_, hub), hub.db.read() as tx:
        if name:
            connection(hub, name)  # complains of what does not exist
        found = conflicts.listed(tx, connection=name, resolved=resolved, most=MOST_SHOWN)
        rows = _rows(tx, found)
        now = hub.clock()
    if as_json:
        out.print_json(json.dumps([_for_programs(one, rows) for one in found], default=str))
        return
    table(
        "resolved" if resolved else "conflicts",
        ["number", "stream", "external id", "record", "field", "ours", "theirs", "stayed",
         "over" if resolved else "age"],
        [
            [str(one.id), f"{one.connection}/{one.stream}", one.external_id, _called(one, rows),
             one.field, _text(one.ours), _text(one.theirs), one.stayed,
             _over(one) if resolved else ago(now - one.found_at)]
            for one in found
        ],
    )  # fmt: skip
    if not found:
        note("no conflict was resolved so far" if resolved else "both sides agree everywhere")
    elif not resolved:
        note("hub conflicts take NUMBER theirs|ours decides one")
    if len(found) == MOST_SHOWN:
        note(f"there may be more: these are the newest {MOST_SHOWN}")


@app.command("show")
def show(number: Number, as_json: AsJson = False, folder: Folder = HERE) -> None:
    """Show one with all that is known of it."""
    from hub.store import conflicts

    with opened(folder) as (_, hub), hub.db.read() as tx:
        one = conflicts.find(tx, min(number, BIGGEST))
        if one is None:
            raise Failure(f"there is no conflict {number}; hub conflicts list shows them")
        rows = _rows(tx, [one])
    if as_json:
        out.print_json(json.dumps(_for_programs(one, rows), default=str))
        return
    shown = [
        ["record", _called(one, rows)],
        ["field", one.field],
        ["both agreed on", _text(one.base)],
        ["ours", _text(one.ours)],
        ["theirs", _text(one.theirs)],
        ["now", _present(one, rows)],
        ["stayed", f"{one.stayed} (owner {one.policy})"],
        ["from", f"{one.connection}/{one.stream} {one.external_id}"],
        ["their version", one.version],
        ["mapping", one.place],
        ["job", one.job],
        ["found", _when(one.found_at)],
        ["over", _over(one) if not one.open else "no: the two sides differ"],
    ]
    table(f"conflict {number}", ["", "value"], [row for row in shown if row[1]])


@app.command("take")
def take(
    target: Annotated[str, typer.Argument(metavar="[NUMBER]", help="One conflict.")] = "",
    side: Annotated[str, typer.Argument(metavar="[theirs|ours]")] = "",
    value: Annotated[
        str | None, typer.Option("--value", metavar="V", help="Neither: this value.")
    ] = None,
    where: Annotated[
        str,
        typer.Option("--all", metavar="CONNECTION/STREAM", help="All that are open of a stream."),
    ] = "",
    field: Annotated[str, typer.Option("--field", help="With --all: of this field only.")] = "",
    folder: Folder = HERE,
) -> None:
    """Decide: the record takes the value, and every system that shows the field is told."""
    if where and not side:
        target, side = "", target  # `hub conflicts take theirs --all crm/Case`
    if bool(where) == bool(target):
        raise typer.BadParameter("name a conflict's NUMBER, or --all CONNECTION/STREAM")
    if field and not where:
        raise typer.BadParameter("--field goes with --all")
    choice = _choice(side, value)
    with opened(folder) as (_, hub):
        if where:
            _take_all(hub, where, field, choice)
        else:
            _say(_take_one(hub, _number(target), choice))


def _choice(side: str, value: str | None) -> tuple[str, str | None]:
    """What a person wants: a side, or a value as they typed it."""
    if value is not None and side:
        raise typer.BadParameter(f"{side} or --value, not both")
    if value is None and side not in {"theirs", "ours"}:
        said = f"{side!r} is no side" if side else "say which side"
        raise typer.BadParameter(f"{said}: theirs or ours, or --value V")
    return side, value


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise typer.BadParameter(f"{text!r} is no conflict's number; hub conflicts list shows them")
    return int(text[:18])


def _take_one(hub: Hub, number: int, choice: tuple[str, str | None]) -> Taken:
    from hub.store import conflicts
    from hub.sync.records import choosing

    with hub.db.write(durable=True) as tx:
        known = conflicts.find(tx, number)
        made = _made(choice, known) if known else choosing.Choice("ours")
        return choosing.take(tx, hub.connections, number, made, by=_me(), now=_now(hub))


def _take_all(hub: Hub, where: str, field: str, choice: tuple[str, str | None]) -> None:
    """In portions, each committed by itself; what is found meanwhile nobody has decided on."""
    from hub.store import conflicts
    from hub.sync.records import choosing

    name, _, stream = where.partition("/")
    found = connection(hub, name)
    if stream and stream not in found.mappings:
        known = ", ".join(found.mappings) or "none"
        raise Failure(f"{name} has no stream {stream!r}; it has: {known}")
    if choice[1] is not None and not field:
        raise typer.BadParameter("--value with --all: add --field, of which it is the value")
    count, newest = 0, BIGGEST
    while True:
        with hub.db.write(durable=True) as tx:
            some = conflicts.listed(
                tx, connection=name, stream=stream, field=field, newest=newest, most=AT_ONCE
            )
            if not some:
                break
            made = _made(choice, some[0])
            choosing.take_all(tx, hub.connections, some, made, by=_me(), now=_now(hub))
            count, newest = count + len(some), some[-1].id - 1
    if not count:
        raise Failure(f"{where}{': ' + field if field else ''}: no conflict is open there")
    say(f"{where}: {counted(count, 'conflict')} decided; what differs is on its way to everybody")


def _made(choice: tuple[str, str | None], conflict: Conflict) -> Choice:
    """The choice; of a value, what was typed as JSON has it, by the field's kind."""
    from hub.store import entities
    from hub.sync.records.choosing import Choice

    side, text = choice
    if text is None:
        return Choice("theirs" if side == "theirs" else "ours")
    known = entities.find(conflict.table).shape.fields.get(conflict.field)
    if known is not None and known.kind in {"integer", "number", "boolean", "json"} and text:
        try:
            return Choice(value=json.loads(text))
        except ValueError:
            return Choice(value=text)  # it is refused, with what is expected
    return Choice(value=text)


def _me() -> str:
    return getpass.getuser()[:40]


def _now(hub: Hub) -> datetime:
    return datetime.fromtimestamp(hub.clock(), UTC)


def _say(taken: Taken) -> None:
    one = taken.conflict
    if taken.gone:
        say(f"conflict {one.id}: over, for there is no such record any more")
        return
    told = f"; {', '.join(taken.told)} will hear of it" if taken.told else ""
    say(f"conflict {one.id}: {one.field} is {_text(taken.value)}{told}")


def _rows(tx: Transaction, found: list[Conflict]) -> dict[str, Row]:
    """The records that conflicts are about, by sys_id. One statement for each table."""
    from hub.store import entities, records

    by_table: dict[str, set[str]] = {}
    for one in found:
        by_table.setdefault(one.table, set()).add(one.sys_id)
    rows: dict[str, Row] = {}
    for name, sys_ids in by_table.items():
        rows |= records.read(tx, entities.find(name), sys_ids)
    return rows


def _called(one: Conflict, rows: dict[str, Row]) -> str:
    from hub.store import entities

    number = rows.get(one.sys_id, {}).get("number") or one.sys_id
    return f"{entities.find(one.table).name} {number}"


def _present(one: Conflict, rows: dict[str, Row]) -> str:
    from hub.sync.records.disputes import by_field

    row = rows.get(one.sys_id)
    return "there is no such record any more" if row is None else _text(by_field(row)[one.field])


def _for_programs(one: Conflict, rows: dict[str, Row]) -> dict[str, Any]:
    return asdict(one) | {"number": rows.get(one.sys_id, {}).get("number")}


def _over(one: Conflict) -> str:
    """How it ended, and by whom."""
    if one.resolved_at is None:
        return ""
    return f"{_when(one.resolved_at)} {one.resolved_how} by {one.resolved_by}"


def _text(value: Any) -> str:
    if value is None:
        return "(empty)"
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
