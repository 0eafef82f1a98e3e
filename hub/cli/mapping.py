"""`hub mapping`: mapping files checked, tried on their examples, and shown field by field."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli.home import HERE, Folder
from hub.cli.screen import Failure, counted, note, out, say, table

if TYPE_CHECKING:  # they take a while to import
    from hub.config.mappings import MappingFile
    from hub.mapping import Mapping, Outcome

app = typer.Typer(
    help="Mapping files: checked, tried on their examples, shown.", no_args_is_help=True
)

Targets = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[FILE | SPOKE | CONNECTION[/STREAM]]...",
        help="Default: what the folder's connections use.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command("check")
def check(targets: Targets = None, folder: Folder = HERE, as_json: Json = False) -> None:
    """Find every fault in mapping files, without trying their examples."""
    files = _chosen(folder, targets)
    found, faults = _read(files)
    if as_json:
        out.print_json(json.dumps({"files": len(files), "faults": faults}))
    for fault in () if as_json else faults:
        note(fault)  # begins with file, line and column, as terminals and editors make links of
    if faults:
        raise Failure(f"{counted(len(faults), 'fault')} to mend")
    if not as_json:
        say(f"{counted(len(files), 'file')}, {counted(len(found), 'mapping')}: all well")


@app.command("test")
def run(targets: Targets = None, folder: Folder = HERE, as_json: Json = False) -> None:
    """Try mappings on the examples in their files, and name the fields that none of them touches."""
    from hub.mapping import run_examples, untouched

    found, faults = _read(_chosen(folder, targets))
    told = [(mapping, run_examples(mapping), untouched(mapping)) for mapping in found]
    if as_json:
        out.print_json(json.dumps([_as_json(*one) for one in told]))
    else:
        for mapping, outcomes, fields in told:
            _show_outcomes(mapping, outcomes, fields)
    for fault in faults:
        note(fault)
    every = [outcome for _, outcomes, _ in told for outcome in outcomes]
    failed = sum(bool(outcome.faults) for outcome in every)
    if failed or faults:
        broken = f"; {counted(len(faults), 'fault')} to mend first" if faults else ""
        raise Failure(f"{failed} of {counted(len(every), 'example')} failed{broken}")
    if not as_json:
        say(f"{counted(len(every), 'example')}: all hold")


@app.command("schema")
def schema() -> None:
    """Print the JSON Schema of mapping files: editors check with it, and offer our fields."""
    from hub.mapping.schema import schema as written
    from hub.store import entities

    told = written(entity.shape for entity in (*entities.ALL, *entities.ENCLOSED))
    typer.echo(json.dumps(told, indent=2))


@app.command("show")
def show(
    target: Annotated[
        str, typer.Argument(metavar="CONNECTION/STREAM", help="Or SPOKE/STREAM, or a file.")
    ],
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Show each field: ⇄ both ways, → inward or ← outward only, how it is written back, and who owns it.

    And what comes of our record when theirs is deleted.
    """
    from hub.mapping import explain, explain_deletion

    found, faults = _read(_chosen(folder, [target]))
    for fault in faults:
        note(fault)
    if faults:
        raise Failure(f"{counted(len(faults), 'fault')} to mend")
    if as_json:
        told = [
            {"mapping": mapping.name, "to": mapping.to, "file": mapping.file, "digest": mapping.digest,
             "fields": [line._asdict() for line in explain(mapping)],
             "on_delete": mapping.declaration.on_delete.word
             or [one._asdict() for one in explain_deletion(mapping)]}
            for mapping in found
        ]  # fmt: skip
        out.print_json(json.dumps(told, default=str))
        return
    for mapping in found:
        rows = [
            [line.field, line.arrow, line.kind, line.expression, line.back or f"not: {line.why}",
             line.owner, line.place]
            for line in explain(mapping)
        ]  # fmt: skip
        columns = ["field", "way", "kind", "reads", "is written", "owner", "stands in"]
        table(f"{mapping.name} to {mapping.to}", columns, rows)
        sets = [f"{field} = {_written(value)} ({place})" for field, value, place in
                explain_deletion(mapping)]  # fmt: skip
        say(f"when theirs is deleted: {', '.join(sets) or mapping.declaration.on_delete.word}")


def _written(value: object) -> str:
    """As it stands in a file."""
    return str(value) if isinstance(value, date) else json.dumps(value, default=str)


def _chosen(folder: Folder, targets: list[str] | None) -> list[MappingFile]:
    from hub.config import mappings

    try:
        named = [file for target in targets or () for file in mappings.chosen(folder, target)]
    except mappings.NoMapping as error:
        raise Failure(str(error)) from error
    return list({file.path: file for file in named}.values()) if targets else mappings.every(folder)


def _read(files: list[MappingFile]) -> tuple[list[Mapping], list[str]]:
    """The mappings of all files that are in order, and the faults of the others."""
    from hub.config import mappings
    from hub.mapping import BadMapping

    found: list[Mapping] = []
    faults: dict[str, None] = {}
    for file in files:
        try:
            found += mappings.read(file)
        except BadMapping as error:
            faults |= dict.fromkeys(error.faults)
    return found, list(faults)


def _show_outcomes(mapping: Mapping, outcomes: list[Outcome], fields: list[str]) -> None:
    for outcome in outcomes:
        say(f"{'FAILED' if outcome.faults else 'ok'}\t{outcome.place}\t{outcome.name}")
        for fault in outcome.faults:
            note(f"{outcome.place}: {fault}")
    if fields:
        note(f"{mapping.file}: no example touches {', '.join(fields)}")


def _as_json(mapping: Mapping, outcomes: list[Outcome], fields: list[str]) -> dict[str, object]:
    examples = [
        {"name": one.name, "place": one.place, "faults": list(one.faults)} for one in outcomes
    ]
    return {
        "mapping": mapping.name,
        "to": mapping.to,
        "file": mapping.file,
        "examples": examples,
        "untouched": fields,
    }
