"""Which dead letters somebody means: one vocabulary for `hub dead list, groups, retry, drop`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.home import chosen
from hub.cli.screen import Failure

if TYPE_CHECKING:  # they take a while to import
    from hub import queue
    from hub.app import Hub
    from hub.store import dead
    from hub.store.database import Transaction

Where = Annotated[str, typer.Argument(metavar="[CONNECTION[/STREAM]|ID]", help="Default: all.")]
Letter = Annotated[str, typer.Option("--id", metavar="ID", help="Just this one: r12, j7.")]
Group = Annotated[
    str, typer.Option(metavar="GROUP", help="Only records of this group: hub dead groups.")
]
Field = Annotated[
    str, typer.Option(metavar="FIELD", help="Only records whose field cannot be read.")
]
Mapping = Annotated[
    str, typer.Option(metavar="MAPPING", help="Only records of this mapping, file, or file:line.")
]
Value = Annotated[
    str, typer.Option(metavar="TEXT", help="Only records that have this in the field.")
]
Reason = Annotated[
    str,
    typer.Option(metavar="TEXT", help="Only records with this in why; jobs that died of just it."),
]
Kind = Annotated[str, typer.Option(help="Only jobs of this kind, as push or poll.")]

_LETTER = re.compile(r"([rj])([0-9]{1,18})", re.ASCII)
_GROUP = re.compile(r"g[0-9a-f]{8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Choice:
    """What the options say. A property that only records have leaves out jobs, and the reverse."""

    where: str = ""
    letter: str = ""
    group: str = ""
    field: str = ""
    mapping: str = ""
    value: str = ""
    reason: str = ""
    kind: str = ""

    def __post_init__(self) -> None:
        """Raises `Failure` for an id that is none, and for options that do not go together."""
        if _LETTER.fullmatch(self.where) or _GROUP.fullmatch(self.where):
            name = "letter" if self.where[0] in "rj" else "group"
            object.__setattr__(self, name, getattr(self, name) or self.where)
            object.__setattr__(self, "where", "")
        if self.letter:
            number_of(self.letter)
        if self.group and not _GROUP.fullmatch(self.group):
            raise Failure(f"{self.group!r} is no group; hub dead groups shows them")
        told = self._told()
        if self.letter and told:
            raise typer.BadParameter(f"--id is a single letter; leave out {' and '.join(told)}")
        if self.kind and (records := [one for one in told if one in _OF_RECORDS]):
            raise typer.BadParameter(f"--kind is for jobs, {' and '.join(records)} for records")

    @property
    def single(self) -> bool:
        return bool(self.letter)

    @property
    def anything(self) -> bool:
        """Whether it says anything at all."""
        return bool(self.where or self.letter or self._told())

    @property
    def connection(self) -> str:
        return self.where.partition("/")[0]

    @property
    def stream(self) -> str:
        return self.where.partition("/")[2]

    @property
    def records(self) -> dead.Which | None:
        """None if only jobs are meant."""
        from hub.store.dead import Which

        if self.letter:
            kind, number = number_of(self.letter)
            return Which(ids=[number]) if kind == "r" else None
        if self.kind:
            return None
        return Which(
            connection=self.connection, stream=self.stream, group=self.group, field=self.field,
            mapping=self.mapping, value=self.value, reason=self.reason,
        )  # fmt: skip

    @property
    def jobs(self) -> queue.Which | None:
        """None if only records are meant, or a single stream: jobs are of a connection."""
        from hub.queue import Which

        if self.letter:
            kind, number = number_of(self.letter)
            return Which(ids=[number]) if kind == "j" else None
        if self.stream or any((self.group, self.field, self.mapping, self.value)):
            return None
        return Which(
            connection=self.connection or None, kind=self.kind or None, reason=self.reason or None
        )

    def find(self, tx: Transaction, most: int) -> tuple[list[Any], list[queue.Dead]]:
        """The newest dead records and jobs."""
        from hub import queue
        from hub.store import dead

        records, jobs = self.records, self.jobs
        return (
            dead.find(tx, records, most=most) if records else [],
            queue.dead(tx, jobs, limit=most) if jobs else [],
        )

    def count(self, tx: Transaction) -> tuple[int, int]:
        """How many dead records and jobs there are."""
        from hub import queue
        from hub.store import dead

        records, jobs = self.records, self.jobs
        return (
            dead.count(tx, records) if records else 0,
            queue.revivals.preview(tx, jobs) if jobs else 0,
        )

    def check(self, hub: Hub) -> None:
        """Raise `Failure` for a connection or stream that does not exist."""
        if self.where:
            chosen(hub, self.where)

    def _told(self) -> list[str]:
        """The options that were given."""
        return [f"--{name}" for name in ("kind", *_NAMES) if getattr(self, name)]


_NAMES = ("group", "field", "mapping", "value", "reason")
_OF_RECORDS = {f"--{name}" for name in _NAMES[:-1]}


def number_of(letter: str) -> tuple[str, int]:
    """`r12` is record 12, `j7` is job 7; raises `Failure`."""
    found = _LETTER.fullmatch(letter)
    if not found:
        raise Failure(f"{letter!r} is no dead letter's id: r12 is a record, j7 a job")
    return found[1], int(found[2])
