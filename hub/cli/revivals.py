"""`hub dead revivals`, `hub dead cancel`: very many dead letters, revived by the workers bit by bit."""

from __future__ import annotations

import getpass
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli.home import HERE, Folder, opened
from hub.cli.screen import Failure, ago, counted, note, say, table

if TYPE_CHECKING:  # they take a while to import
    from hub.app import Hub
    from hub.queue.revivals import Revival, Wanted
    from hub.store.database import Transaction

LONGEST_NAME = 100  # characters that the store keeps of who did it


def revivals(folder: Folder = HERE) -> None:
    """Show the revivals of many letters, newest first: how far each is, and who began it."""
    from hub.queue import revivals as kept

    with opened(folder) as (_, hub), hub.db.read() as tx:
        found, now = kept.find(tx), hub.clock()
    rows = [
        [str(one.id), _meant(one), f"{one.revived} of {one.foreseen}", _pace(one),
         _state(one), one.by, ago(now - one.started_at)]
        for one in found
    ]  # fmt: skip
    table("revivals", ["number", "of", "revived", "rate", "state", "by", "begun"], rows)
    if not rows:
        note("no revivals; hub dead retry begins one where very many letters are dead")


def cancel(
    number: Annotated[int, typer.Argument(min=1, help="As `hub dead revivals` shows it.")],
    folder: Folder = HERE,
) -> None:
    """Stop a revival: what it has not revived yet stays dead."""
    from hub.queue import revivals as kept

    with opened(folder) as (_, hub), hub.db.write(durable=True) as tx:
        if not kept.cancel(tx, number, by=user(), now=hub.clock()):
            raise Failure(f"no revival {number} is going on; hub dead revivals shows them")
    say(f"revival {number}: cancelled")


def begin(tx: Transaction, hub: Hub, which: Wanted, rate: float, told: str) -> None:
    """Leave the letters to the workers, under our user's name; `told` is what was foretold."""
    from hub.queue import revivals as kept

    number = kept.start(tx, which, by=user(), rate=rate, now=hub.clock())
    say(f"revival {number} begun: {told}")


def foretold(count: int, rate: float, noun: str = "job") -> str:
    """`12000 jobs, 50 a second, about 4 min`."""
    return f"{counted(count, noun)}, {rate:g} a second, about {ago(count / rate)}"


def user() -> str:
    """Who types the command, as the operating system says."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a container's user often has no name
        name = f"uid {os.getuid()}"
    return name[:LONGEST_NAME]


def _meant(one: Revival) -> str:
    """`crm exhausted`; `records crm/Case state`."""
    said = {name: value for name, value in asdict(one.which).items() if value}
    where = "/".join(str(said.pop(name)) for name in ("connection", "stream") if name in said)
    if ids := said.pop("ids", None):
        said["ids"] = " ".join(f"{one.what[0]}{number}" for number in ids)
    kind = [] if one.what == "jobs" else [one.what]
    return " ".join([*kind, *filter(None, [where]), *map(str, said.values())]) or "all"


def _pace(one: Revival) -> str:
    return f"{one.rate:g}/s" if one.rate else "at once"


def _state(one: Revival) -> str:
    if one.ended_at is None:
        return "going on"
    return f"cancelled by {one.cancelled_by}" if one.cancelled_by else "ended"
