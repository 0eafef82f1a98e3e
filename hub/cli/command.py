"""The `hub` command and its subcommands, put together."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from functools import cache
from types import FrameType

import typer

from hub.cli import (
    attachments,
    conflicts,
    doctor,
    drift,
    explain,
    folder,
    letters,
    mapping,
    matches,
    planning,
    previewing,
    processes,
    reconciling,
    records,
    sandboxes,
    scim,
    spokes,
    syncing,
)
from hub.cli.log import set_up_log
from hub.cli.screen import Failure, counted, note, say_error

app = typer.Typer(
    name="hub",
    help="Keeps customer service cases and incidents in step with the systems around them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("init")(folder.init)
app.command("check")(folder.check)
app.command("migrate")(folder.migrate)
app.command("run")(processes.run)
app.command("serve")(processes.serve)
app.command("work")(processes.work)
app.command("sync")(syncing.sync)
app.command("reconcile")(reconciling.reconcile)
app.command("plan")(planning.plan)
app.command("remap")(planning.remap)
app.command("status")(syncing.status)
app.command("resume")(syncing.resume)
app.command("show")(records.show)
app.add_typer(attachments.app, name="attachment")
app.add_typer(letters.app, name="dead")
app.add_typer(mapping.app, name="mapping")
app.add_typer(matches.app, name="matches")
app.add_typer(conflicts.app, name="conflicts")
app.add_typer(drift.app, name="drift")
mapping.app.command("preview")(previewing.preview)
mapping.app.command("draft")(previewing.draft)
app.command("explain")(explain.explain)
app.add_typer(folder.tokens, name="token")
app.add_typer(scim.app, name="scim")
app.add_typer(spokes.app, name="spoke")
app.command("sandbox")(sandboxes.sandbox)
app.command("demo")(sandboxes.demo)
app.command("doctor")(doctor.doctor)
app.command("record")(doctor.record)

MENDABLE = 1
INTERRUPTED = 130  # what shells expect after Ctrl-C


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit: 0 done, 1 something to mend, 2 wrong usage, 130 interrupted.

    `arguments` are the process's own unless given. What a person can mend is told without a traceback; anything else is a bug of ours.
    """
    set_up_log()
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        _command()(arguments)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            say_error("interrupted")
        raise
    except Exception as error:
        if not isinstance(error, _expected()):
            raise
        _tell(error)
        sys.exit(MENDABLE)
    finally:
        signal.signal(signal.SIGTERM, before)


@cache
def _command() -> Callable[[Sequence[str] | None], object]:
    """All commands; typer looks at the signature of each, which takes a while."""
    return typer.main.get_command(app)


def _interrupt(_: int, __: FrameType | None) -> None:
    """SIGTERM ends a command as Ctrl-C does: what it has in hand is handed back."""
    raise KeyboardInterrupt


def _expected() -> tuple[type[Exception], ...]:
    from hub import testing
    from hub.config import BadConfig
    from hub.demo import Failed
    from hub.errors import SyncError
    from hub.registry import BrokenSpoke, UnknownSpoke
    from hub.running import BrokenDown, PortTaken
    from hub.store.access import BadName
    from hub.store.entities import UnknownEntity
    from hub.store.schema import SchemaMismatch

    return (
        BadConfig, BadName, BrokenDown, BrokenSpoke, Failed, Failure, PortTaken, SchemaMismatch,
        SyncError, UnknownEntity, UnknownSpoke, testing.PortTaken,
    )  # fmt: skip


def _tell(error: Exception) -> None:
    from hub.config import BadConfig

    if isinstance(error, BadConfig):
        for fault in error.faults:
            note(fault)  # begins with file and line, as terminals and editors make links of
        say_error(f"{counted(len(error.faults), 'fault')} to mend")
    else:
        say_error(str(error))
