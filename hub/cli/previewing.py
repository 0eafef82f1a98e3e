"""`hub mapping preview`, `hub mapping draft`: a mapping beside real records, and a first one for them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli.home import HERE, Folder, connection, opened
from hub.cli.planning import edited
from hub.cli.screen import Failure, counted, note, out, say, table

if TYPE_CHECKING:  # they take a while to import
    from hub.app import Hub
    from hub.sync.connection import Connection
    from hub.sync.insight.preview import Line, Preview

Target = Annotated[str, typer.Argument(metavar="CONNECTION/STREAM")]
Json = Annotated[bool, typer.Option("--json", help="For programs.")]
LONGEST = 48  # characters of a value


def preview(
    target: Target,
    folder: Folder = HERE,
    id: Annotated[
        str, typer.Option("--id", metavar="ID", help="The record that they call so.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=500, help="The first records of a listing.")] = 3,
    mapping: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="As if this were the stream's mapping file."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show records of theirs, what the mapping makes of them, and what that would change of ours.

    Writes nothing, here or there.
    """
    from hub.sync.insight import preview as previews
    from hub.sync.insight.plan import Planner

    with opened(folder) as (_, there):
        found, stream = _one(there, target, mapped=True)
        hub = edited(there, found, [stream], mapping) if mapping else there
        planner = Planner(hub.db, hub.connections, hub.connections[found.name], hub.clock)
        records = previews.sampled(planner, stream, id=id, most=limit)
        told = [one for record in records for one in previews.preview(planner, stream, record)]
    if as_json:
        out.print_json(json.dumps([asdict(one) for one in told], default=str))
        return
    for one in told:
        _show(one)
    if not told:
        note(f"{target} shows no record")


def _one(hub: Hub, target: str, *, mapped: bool) -> tuple[Connection, str]:
    """The connection and the stream that are meant; raises `Failure`."""
    from hub.spoke import Pulls

    name, _, stream = target.partition("/")
    found = connection(hub, name)
    streams = [
        one.name
        for one in (found.spoke.streams if isinstance(found.spoke, Pulls) else ())
        if not mapped or one.name in found.mappings
    ]
    if stream not in streams:
        what = f"has no stream {stream!r}" if stream else "has several streams: name one"
        raise Failure(f"{name} {what}; there are: {', '.join(streams) or 'none that is polled'}")
    return found, stream


def _show(one: Preview) -> None:
    """One record: a line for each of the mapping's."""
    said = f"{one.stream}/{one.external_id} → {one.action} {one.entity} {one.number}".rstrip()
    say(f"{said}   ({one.mapping})")
    rows = [_row(line) for line in one.lines]
    table("", ["line", "theirs", "value", "ours", "stored", "shown", "what changes"], rows)
    for fault in one.faults:
        note(fault)
    for name, those in one.children.items():
        for inner in those:
            said = ", ".join(f"{field}: {_cut(text or '')}" for field, text in inner.items())
            say(f"  {name}: {said}")
    for step in one.inside:
        fields = ", ".join(f"{f.field}: {_cut(f.new or '')}" for f in step.fields)
        say(f"  {step.action} {step.entity}: {fields}")
    for send in one.sends:
        where = f"{send.connection}/{send.stream}/{send.external_id or '(new)'}"
        say(f"  → {where}: {send.fault or _cut(json.dumps(send.data, default=str))}")
    say("")


def _row(line: Line) -> list[str]:
    from hub.sync.insight.preview import as_text

    paths = [theirs.path for theirs in line.theirs]
    values = ["(absent)" if one.absent else _cut(as_text(one.value)) for one in line.theirs]
    shown = line.shown if line.shown != line.ours else ""
    what = {
        "new": f"→ {_cut(line.then or '(empty)')}",
        "changed": f"{_cut(line.now or '(empty)')} → {_cut(line.then or '(empty)')}",
        "same": "",
        "kept": f"stays {_cut(line.then or '(empty)')}",
        "absent": "",
        "fault": "FAULT",
    }[line.change]
    reason = f"{what}: {line.reason}".removeprefix(": ") if line.reason else what
    return [
        line.place, ", ".join(paths) or line.expression, ", ".join(values), line.field,
        _cut(line.ours or ""), _cut(shown), reason,
    ]  # fmt: skip


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def draft(
    target: Target,
    entity: Annotated[
        str, typer.Option("--entity", help="Ours: case, account, order ... Default: a guess.")
    ] = "",
    folder: Folder = HERE,
    to: Annotated[Path | None, typer.Option("--to", metavar="FILE", help="Write it there.")] = None,
    records: Annotated[int, typer.Option(min=1, max=2000, help="Look at so many at most.")] = 200,
) -> None:
    """Propose a first mapping of a stream, from its records: names, types, picklists, references.

    The examples in it are records of theirs without secrets and people.
    """
    from hub.kit.proposal import propose
    from hub.kit.tried import Nothing

    if to is not None and to.exists():
        raise Failure(f"{to} is there already, and nothing is overwritten")
    with opened(folder) as (_, hub):
        found, stream = _one(hub, target, mapped=False)
        try:
            made = propose(hub, found, stream, entity=entity, most=records)
        except Nothing as error:
            raise Failure(str(error)) from error
    if to is None:
        say(made.text)
    else:
        to.write_text(made.text, encoding="utf-8")
        say(f"{to}: {counted(made.fields, 'field')} of {counted(made.looked, 'record')} proposed")
    for line in made.unsure:
        note(line)
