"""The `hub` command and its subcommands, put together."""

from __future__ import annotations

import sys

import typer

from hub.cli import folder, letters, processes, records, sandboxes, syncing
from hub.cli.screen import Failure, say_error, set_up_log
from hub.config import BadConfig
from hub.demo import Failed
from hub.errors import SyncError
from hub.registry import BrokenSpoke, UnknownSpoke
from hub.running import PortTaken
from hub.store.entities import UnknownEntity
from hub.store.schema import SchemaMismatch

app = typer.Typer(
    name="hub",
    help="Keeps customer service cases and incidents in step with the systems around them.",
    no_args_is_help=True,
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
app.command("status")(syncing.status)
app.command("resume")(syncing.resume)
app.command("show")(records.show)
app.command("sandbox")(sandboxes.sandbox)
app.command("demo")(sandboxes.demo)
app.add_typer(letters.app, name="dead")
app.add_typer(sandboxes.spokes, name="spoke")
app.add_typer(folder.tokens, name="token")

EXPECTED = (
    BadConfig, BrokenSpoke, Failed, Failure, PortTaken, SchemaMismatch, SyncError, UnknownEntity,
    UnknownSpoke,
)  # fmt: skip
INTERRUPTED = 130  # what shells expect after Ctrl-C


def main() -> None:
    """Run the command; errors that a person can mend are shown without a traceback."""
    set_up_log()
    try:
        app()
    except EXPECTED as error:
        say_error(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        say_error("interrupted; what was committed stays, the next run goes on from there")
        sys.exit(INTERRUPTED)
