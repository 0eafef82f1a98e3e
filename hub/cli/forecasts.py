"""What a reading will come to, said before it begins: by `hub sync --full`, `--since`, `hub plan --full`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hub.cli.screen import note

if TYPE_CHECKING:  # they take a while to import
    from hub.app import Hub
    from hub.spoke import Cursor
    from hub.sync.connection import Connection
    from hub.sync.insight.forecast import Forecast


def foretell(
    hub: Hub, found: Connection, starts: Mapping[str, Cursor | None], since: datetime | None = None
) -> dict[str, Forecast]:
    """Tell a line for each stream, and one for all of them if there are several; → by stream.

    `starts` are the cursors of `since`, None for the beginning. A stream whose first pages are not
    to be had is missing: it is said, and whoever reads it will meet the same.
    """
    from hub.errors import SyncError
    from hub.sync.insight.forecast import altogether, forecast

    foreseen = {}
    for stream, start in starts.items():
        where = f"{found.name}/{stream}"
        try:
            foreseen[stream] = forecast(hub.db, found, stream, start, since)
        except SyncError as error:
            note(f"{where}: no forecast: {str(error).partition(chr(10))[0]}")
        else:
            note(f"{where}: {foreseen[stream].spelled(datetime.now(UTC))}")
    if len(foreseen) > 1:
        note(f"{found.name}: {altogether(list(foreseen.values()), datetime.now(UTC))}")
    return foreseen
