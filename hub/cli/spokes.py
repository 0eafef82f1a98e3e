"""`hub spoke`: the kinds of systems that the hub speaks to, new ones, and how good they are."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hub.cli.screen import Failure, counted, note, out, say, table

if TYPE_CHECKING:  # they take a while to import
    from hub.testing.judge import Judgement
    from hub.testing.levels import Verdict

app = typer.Typer(help="The kinds of systems that the hub speaks to.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="For programs.")]
Kind = Literal["crm", "field_service", "identity", "commerce", "other"]


@app.command("list")
def list_(
    levels: Annotated[
        bool, typer.Option("--levels", help="Judge each one: takes some seconds a spoke.")
    ] = False,
) -> None:
    """Show every spoke: its kind, what it can do, its streams, and its level."""
    from hub import registry

    rows = [
        [one.name, one.kind, ", ".join(one.capabilities), ", ".join(one.streams),
         "yes" if one.has_sandbox else "no", _level(one.name) if levels else "-"]
        for one in map(registry.describe, registry.names())
    ]  # fmt: skip
    table("spokes", ["name", "kind", "can", "streams", "sandbox", "level"], rows)
    if not levels:
        note("a level is computed and written down nowhere: --levels judges every spoke")


@app.command("check")
def check(
    name: Annotated[str, typer.Argument(help="`hub spoke list` shows the names.")],
    as_json: Json = False,
) -> None:
    """Hold a spoke to every rule of the kit, and tell which level it has reached."""
    found = _judged(name)
    if as_json:
        told = [asdict(one) | {"level": str(one.level)} for one in found.verdicts]
        out.print_json(json.dumps({"spoke": name, "level": str(found.level), "rules": told}))
    else:
        _show(found)
    if found.failed:
        broken = ", ".join(one.rule for one in found.failed)
        raise Failure(
            f"{name} breaks {counted(len(found.failed), 'rule')}: {broken}\n"
            "docs/spokes.md says what each of them asks for"
        )


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Small letters, digits and _.")],
    kind: Annotated[Kind, typer.Option(help="What sort of system it is.")] = "other",
    as_yaml: Annotated[
        bool, typer.Option("--yaml", help="A spoke.yaml instead of Python.")
    ] = False,
    described: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="FILE", help="Draft it from OpenAPI 3, or OData's $metadata."
        ),
    ] = None,
    into: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Instead of this checkout.")
    ] = None,
) -> None:
    """Write a spoke that works: with mapping, sandbox, example, connection and README."""
    from hub.kit import subjects
    from hub.kit.new import Refused, write

    root = into or subjects.checkout()
    try:
        made = write(root, name, kind, as_yaml=as_yaml, described=described)
    except Refused as why:
        raise Failure(str(why)) from why
    except OSError as error:
        raise Failure(f"{error.filename or root}: {error.strerror}") from error
    for file in made.files:
        say(f"wrote {file.relative_to(root)}")
    for line in made.unsure:
        note(f"not sure: {line}")
    say(f"next: hub spoke check {name}; then replace the invented vendor, as docs/spokes.md says")


def _level(name: str) -> str:
    try:
        return str(_judged(name).level)
    except Failure as why:  # the others are worth showing all the same
        note(str(why))
        return "none"


def _judged(name: str) -> Judgement:
    from hub.kit.subjects import NoExample, subject
    from hub.marked import BadYaml
    from hub.testing.example import BadExample
    from hub.testing.judge import NoPytest, judge

    try:
        return judge(subject(name))
    except (BadExample, BadYaml, NoExample, NoPytest) as error:
        raise Failure(str(error)) from error


def _show(found: Judgement) -> None:
    rows = [[str(one.level), one.rule, one.outcome, _short(one)] for one in found.verdicts]
    table(f"{found.name}: {found.level}", ["level", "rule", "verdict", "why"], rows)
    say(f"{found.name}: {found.level}")


def _short(one: Verdict) -> str:
    """The first line that says why, of a failure as of a skipped rule."""
    return next(iter(one.why.strip().splitlines()), "")[:200]
