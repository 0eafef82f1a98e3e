"""`hub plan`, `hub remap`: what a sync or a changed mapping would do; and having the latter done."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hub.cli.forecasts import foretell
from hub.cli.home import HERE, Folder, chosen, opened
from hub.cli.screen import Failure, counted, note, out, say, table

if TYPE_CHECKING:  # they take a while to import
    from hub.app import Hub
    from hub.sync.connection import Connection
    from hub.sync.insight.plan import Foreseen, Planner
    from hub.sync.insight.steps import Step

    Source = Literal["poll", "full", "listing", "dead", "remembered"]

Target = Annotated[str, typer.Argument(metavar="CONNECTION[/STREAM]")]
Json = Annotated[bool, typer.Option("--json", help="For programs.")]
Limit = Annotated[int, typer.Option(min=0, help="Show at most so many records; all are counted.")]
SOMETHING_TO_DO = 2
"""The exit status of a plan that is not empty."""
LONGEST = 60  # characters of a value


@dataclass(slots=True)
class Summary:
    """A plan's sums, and the first of its steps; `limit` says how many of these.

    `forecasts` are for a program, where one was made.
    """

    limit: int
    sums: dict[str, int] = field(default_factory=dict[str, int])
    steps: list[Step] = field(default_factory=list)
    forecasts: list[dict[str, Any]] | None = None

    def take(self, steps: Iterable[Step]) -> None:
        for step in steps:
            self._count(step.action)
            for send in step.sends if step.action != "send" else ():
                self._count("send that fails" if send.fault else "send")
            for one in step.fields:
                if one.reason.startswith("conflict"):
                    self._count("conflict")
            if len(self.steps) < self.limit:
                self.steps.append(step)

    @property
    def something(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.sums.keys() - {"unchanged"})

    def _count(self, what: str) -> None:
        self.sums[what] = self.sums.get(what, 0) + 1


def plan(
    target: Target,
    folder: Folder = HERE,
    full: Annotated[bool, typer.Option("--full", help="From the beginning of the stream.")] = False,
    dead: Annotated[
        bool, typer.Option("--dead", help="The dead records, read again: nobody is asked.")
    ] = False,
    remap: Annotated[
        bool, typer.Option("--remap", help="What is remembered, read again: nobody is asked.")
    ] = False,
    mapping: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="As if this were the stream's mapping file."),
    ] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show what a sync would do, in both directions, and do nothing. Exits 2 if there is anything."""
    source = _source(full=full, dead=dead, remap=remap)
    summary = Summary(limit)
    with opened(folder) as (_, there):
        found, streams = chosen(there, target)
        hub = edited(there, found, streams, mapping) if mapping else there
        found = hub.connections[found.name]
        if source == "full":
            foreseen = foretell(hub, found, dict.fromkeys(streams))
            summary.forecasts = [one.told(datetime.now(UTC)) for one in foreseen.values()]
        for stream in streams:
            follow(hub, found, stream, source, summary)
    show(summary, as_json=as_json)
    if summary.something:
        raise typer.Exit(SOMETHING_TO_DO)


def remap(
    target: Target,
    folder: Folder = HERE,
    plan: Annotated[
        bool, typer.Option("--plan", help="Show what it would do, and do nothing.")
    ] = False,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Read what is remembered again with the mapping as it is now, without asking anybody."""
    with opened(folder) as (config, hub):
        found, streams = chosen(hub, target)
        summary = Summary(limit)
        for stream in streams:
            _check_memory(hub, found, stream)
            if plan:
                follow(hub, found, stream, "remembered", summary)
            else:
                hub.remap(found.name, stream)
        if not plan:
            hub.worker(threads=config.hub.threads).run_until_idle()
            say(f"{found.name}: {', '.join(streams)} read again; hub status shows how they are")
            return
    show(summary, as_json=as_json)
    if summary.something:
        raise typer.Exit(SOMETHING_TO_DO)


def _source(*, full: bool, dead: bool, remap: bool) -> Source:
    if full + dead + remap > 1:
        raise Failure("--full, --dead and --remap each plan something else: give one")
    if full:
        return "full"
    if dead:
        return "dead"
    return "remembered" if remap else "poll"


def follow(hub: Hub, connection: Connection, stream: str, source: Source, summary: Summary) -> None:
    """Add what would become of a stream to a summary."""
    from hub.sync.insight.plan import Planner

    planner = Planner(hub.db, hub.connections, connection, hub.clock, rules=hub.files.rules)
    for foreseen in _pages(hub, planner, stream, source):
        unchanged = foreseen.counts.unchanged
        summary.sums["unchanged"] = summary.sums.get("unchanged", 0) + unchanged
        summary.take(foreseen.steps)
    if source in {"poll", "full", "listing"}:
        summary.take(planner.waiting(stream))


def _pages(hub: Hub, planner: Planner, stream: str, source: Source) -> Iterator[Foreseen]:
    match source:
        case "poll":
            from hub.store import cursors

            with hub.db.read() as tx:
                cursor = cursors.load(tx, planner.connection.name, stream)
            return planner.pull(stream, cursor)
        case "full":
            return planner.pull(stream, None)
        case "listing":
            return planner.listing(stream)
        case "dead":
            return planner.dead(stream)
        case "remembered":
            _check_memory(hub, planner.connection, stream)
            return planner.remembered(stream)


def _check_memory(hub: Hub, connection: Connection, stream: str) -> None:
    """Raise `Failure` if nothing is remembered; say so if it is not everything."""
    from hub.store import links, remembered

    with hub.db.read() as tx:
        kept = remembered.count(tx, connection.name, stream)
        linked = links.count(tx, connection.name, stream)
    where = f"{connection.name}/{stream}"
    how = (
        f"set remember: true in {connection.name}.yaml and run hub sync {where} --full; "
        "until then, hub sync --full asks them for everything again"
    )
    if not kept:
        raise Failure(f"{where}: no record is remembered; {how}")
    if kept < linked:
        note(f"{where}: {kept} records are remembered, of {linked} that are linked; {how}")


def edited(hub: Hub, connection: Connection, streams: list[str], file: Path) -> Hub:
    """The hub as if this file were the mapping of the stream that it is for."""
    from hub.mapping import BadMapping, load
    from hub.store import entities
    from hub.sync.connection import Connections

    try:
        mappings = load(file, shape_of=lambda name: entities.find(name).shape)
    except BadMapping as error:
        raise Failure("\n".join(error.faults)) from error
    [stream] = {one.stream for one in mappings}
    if stream not in streams:
        raise Failure(f"{file} maps {stream!r}; the plan is for {', '.join(streams)}")
    edited = replace(connection, mappings={**connection.mappings, stream: tuple(mappings)})
    others = [one for one in hub.connections.values() if one.name != connection.name]
    return replace(hub, connections=Connections([*others, edited]))


def show(summary: Summary, *, as_json: bool) -> None:
    """Print the first steps of a plan, and its sums."""
    if as_json:
        told: dict[str, Any] = {"sums": summary.sums}
        if summary.forecasts is not None:
            told["forecasts"] = summary.forecasts
        told["steps"] = [asdict(one) for one in summary.steps]
        out.print_json(json.dumps(told, default=str))
        return
    rows = list(chain.from_iterable(map(_rows, summary.steps)))
    table("plan", ["record", "what", "field", "from", "to", "why"], rows)
    shown = len(summary.steps)
    steps = sum(summary.sums.get(one, 0) for one in ("create", "update", "delete", "dead", "send"))
    if shown < steps:
        note(f"{counted(shown, 'record')} shown; --limit shows more")
    said = ", ".join(f"{count} {what}" for what, count in sorted(summary.sums.items()))
    say(said or "nothing there, nothing to do")


def _rows(step: Step) -> Iterator[list[str]]:
    """A line per field, and one for each system that would be written to."""
    what = " ".join(filter(None, (step.action, step.audience, step.entity, step.number)))
    record = f"{step.stream}/{step.external_id}"
    lines = [
        [one.field, _cut(one.old), _cut(one.new), one.reason or one.place] for one in step.fields
    ]
    lines += [
        [f"→ {one.connection}/{one.stream}", one.external_id or "(new)", _cut(_sent(one.data)),
         one.fault]
        for one in step.sends
    ]  # fmt: skip
    for n, line in enumerate(lines or [["", "", "", step.fault.partition("\n")[0]]]):
        yield [record if n == 0 else "", what if n == 0 else "", *line]


def _sent(data: object) -> str:
    return json.dumps(data, ensure_ascii=False, default=str)


def _cut(text: str | None) -> str:
    text = text or ""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
