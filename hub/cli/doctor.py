"""`hub doctor`, `hub record`: a look at a real account, and a recording of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from hub.cli.home import HERE, Folder, connection, opened
from hub.cli.screen import Failure, counted, out, say, table

Name = Annotated[str, typer.Argument(metavar="CONNECTION")]


def doctor(
    name: Name,
    folder: Folder = HERE,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Find out what ails a connection: network, TLS, clock, sign-in, fields, quota, webhooks."""
    from hub.kit.doctor import examine

    with opened(folder) as (_, hub):
        found = examine(hub, connection(hub, name), datetime.now(UTC))
    if as_json:
        out.print_json(json.dumps([asdict(one) for one in found]))
    else:
        rows = [[one.check, one.state, one.said, one.step] for one in found]
        table(name, ["check", "state", "what", "next"], rows)
    failed = [one for one in found if one.state == "failed"]
    if failed:
        steps = "\n".join(f"{one.check}: {one.step or one.said}" for one in failed)
        raise Failure(f"{name}: {counted(len(failed), 'thing')} to mend\n{steps}")


def record(
    target: Annotated[str, typer.Argument(metavar="CONNECTION/STREAM")],
    folder: Folder = HERE,
    to: Annotated[Path, typer.Option(metavar="FILE", help="A new file.")] = Path("example.yaml"),
    records: Annotated[int, typer.Option(min=1, max=100, help="At most so many of them.")] = 5,
) -> None:
    """Write what a real account answers, without secrets and people, as an example for the kit."""
    from hub.kit.disguise import NoDisguise
    from hub.kit.record import Unrecorded
    from hub.kit.record import record as recorded

    name, _, stream = target.partition("/")
    if to.exists():
        raise Failure(f"{to} is there already: name another file with --to")
    with opened(folder) as (_, hub):
        try:
            text = recorded(connection(hub, name), stream, most=records, now=datetime.now(UTC))
        except (NoDisguise, Unrecorded) as why:
            raise Failure(str(why)) from why
    try:
        to.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(f"{to}: {error.strerror}") from error
    say(f"wrote {to}; read it once before you share it")
