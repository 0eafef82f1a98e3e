"""`hub dead edit`, `hub dead edits`: a dead record as a person mends it, and who did so."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click
import typer

from hub.cli.choice import number_of
from hub.cli.home import HERE, Folder, opened
from hub.cli.revivals import user
from hub.cli.screen import Failure, ago, note, out, say, table

if TYPE_CHECKING:  # they take a while to import
    from hub.app import Hub
    from hub.sync.replay.editing import Edited, Effect

MOST_SHOWN = 200


def edit(
    letter: Annotated[
        str, typer.Argument(metavar="ID", help="A dead record, as `hub dead list` shows it.")
    ],
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="PATH=VALUE",
            help="In place of an editor: Status=Open, Lines[0].Qty=2.",
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", exists=True, dir_okay=False, help="The whole record, in JSON."
        ),
    ] = None,
    only_try: Annotated[
        bool, typer.Option("--try", help="Only show what would come of it; nothing is written.")
    ] = False,
    folder: Folder = HERE,
) -> None:
    """Change a dead record and read it again: in $EDITOR, or by --set or --file.

    It is applied whole, or nothing happens. What came is kept, and its next real change takes the
    place of what was edited.
    """
    kind, number = number_of(letter)
    if kind != "r":
        raise typer.BadParameter(f"{letter} is a job; records can be edited: r12")
    if assignments and file:
        raise typer.BadParameter("--set or --file, not both")
    with opened(folder) as (_, hub):
        seen = _kept(hub, number, quietly=bool(assignments or file))
        if assignments:
            _apply(hub, number, seen, _assigned(seen, assignments), only_try=only_try)
        elif file:
            _apply(hub, number, seen, file.read_bytes(), only_try=only_try)
        else:
            _in_editor(hub, number, seen, only_try=only_try)


def _kept(hub: Hub, number: int, *, quietly: bool) -> bytes:
    """What came; why it could not be read is told, unless `quietly`."""
    from hub.store import dead

    with hub.db.read() as tx:
        found = dead.find(tx, dead.Which(ids=[number]))
    if not found:
        raise Failure(f"no dead letter 'r{number}'; hub dead list shows them")
    if not quietly:
        note(found[0].error)
    return bytes(found[0].raw)


def _assigned(seen: bytes, assignments: list[str]) -> bytes:
    from hub.store import sets
    from hub.sync.replay import editing

    try:
        return editing.written(editing.with_set(sets.from_json_text(seen), assignments), seen=seen)
    except editing.NotEdited as error:
        raise Failure(str(error)) from error


def _in_editor(hub: Hub, number: int, seen: bytes, *, only_try: bool) -> None:
    """What somebody wrote is never lost, whatever is wrong with it."""
    try:
        text = click.edit(_legibly(seen), extension=".json")
    except click.ClickException as error:
        raise Failure(f"{error.message}; set $EDITOR, or use --set or --file") from error
    if text is None:
        note("nothing was changed")
        return
    try:
        _apply(hub, number, seen, text.encode(errors="surrogatepass"), only_try=only_try)
    except Failure as error:
        handle, name = tempfile.mkstemp(prefix=f"r{number}-", suffix=".json")
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogatepass") as kept:
            kept.write(text)
        raise Failure(
            f"{error}\nwhat you wrote is kept: mend {name}, "
            f"then hub dead edit r{number} --file {name}"
        ) from error


def _legibly(seen: bytes) -> str:
    from hub.store import sets

    record = sets.from_json_text(seen)
    text = json.dumps(record, indent=2, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # half a character
        text = json.dumps(record, indent=2)
    return f"{text}\n"


def _apply(hub: Hub, number: int, seen: bytes, text: bytes, *, only_try: bool) -> None:
    from hub.store import sets
    from hub.sync.replay import editing

    try:
        raw = editing.told(text, seen=seen)
        changed = list(editing.differences(sets.from_json_text(seen), sets.from_json_text(raw)))
        if not changed:
            note("nothing was changed")
            return
        edited = editing.edit(
            hub.db, hub.connections, number, raw, seen=seen, by=user(), now=hub.clock(),
            only_try=only_try,
        )  # fmt: skip
    except editing.NotEdited as error:
        raise Failure(str(error)) from error
    _show(number, changed, edited, only_try=only_try)


def _show(
    number: int, changed: list[tuple[str, str, str]], edited: Edited, *, only_try: bool
) -> None:
    table("edited", ["path", "came", "now"], [list(one) for one in changed])
    for effect in edited.effects:
        _tell(effect, "would be " if only_try else "")
    if not edited.effects:
        say("no record of ours changes by it")
    if only_try:
        note("nothing was written; leave out --try to do it")
    else:
        say(f"r{number}: read well as edited; it is edit {edited.number}")


def _tell(effect: Effect, would: str) -> None:
    what = "created" if effect.created else "changed"
    say(f"{effect.entity} {effect.number}: {would}{what}")
    table("values", ["field", "old", "new"], [list(one) for one in effect.changes])


def edits(
    number: Annotated[
        int | None, typer.Argument(min=1, help="Just this one, with what was changed.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    folder: Folder = HERE,
) -> None:
    """Show who edited which dead record, newest first."""
    from hub.store import edits as kept

    with opened(folder) as (_, hub), hub.db.read() as tx:
        found, now = kept.find(tx, number, most=MOST_SHOWN), time.time()
    if number is not None and not found:
        raise Failure(f"there is no edit {number}; hub dead edits shows them")
    if as_json:
        out.print_json(json.dumps([_told(row) for row in found]))
        return
    rows = [
        [str(row.id), f"r{row.letter}", f"{row.connection}/{row.stream}", row.external_id,
         row.edited_by, ago(now - row.edited_at)]
        for row in found
    ]  # fmt: skip
    table("edits", ["number", "id", "of", "key", "by", "age"], rows)
    if number is not None:
        changed = [[one["path"], one["came"], one["now"]] for one in _told(found[0])["changed"]]
        table("changed", ["path", "came", "now"], changed)
    if not rows:
        note("nobody has edited a dead record")


def _told(row: Any) -> dict[str, Any]:
    from hub.store import sets
    from hub.sync.replay.editing import differences

    before, after = sets.from_json_text(row.before), sets.from_json_text(row.after)
    return {
        "number": row.id, "id": f"r{row.letter}", "connection": row.connection,
        "stream": row.stream, "external_id": row.external_id, "version": row.version,
        "by": row.edited_by, "at": row.edited_at,
        "changed": [
            {"path": path, "came": old, "now": new}
            for path, old, new in differences(before, after)
        ],
    }  # fmt: skip
