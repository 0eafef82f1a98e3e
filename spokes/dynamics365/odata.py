"""What the spoke asks of the Web API: which columns, which rows, and how its rows read as changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urljoin

import hub
from spokes.dynamics365.tables import Table

VERSION = "versionnumber"
MODIFIED = "modifiedon"
ANNOTATIONS = "OData.Community.Display.V1.FormattedValue,Microsoft.Dynamics.CRM.lookuplogicalname"
"""Labels of choices and lookups, and which table a lookup leads to."""

_IDS_PER_FILTER = 50  # keeps the address far below their 32 KB


def headers(*preferences: str) -> dict[str, str]:
    """What every request says; `preferences` are joined into one Prefer."""
    said = {"OData-Version": "4.0", "OData-MaxVersion": "4.0", "Accept": "application/json"}
    return said | ({"Prefer": ",".join(preferences)} if preferences else {})


def columns(table: Table, stream: hub.Stream, version: str, key: str) -> tuple[str, ...]:
    """What to select, sorted; nothing, which is everything, where the mappings say nothing.

    An annotation (`x@...`) comes with its column. The `key` column of a table that we name the rows
    of is its primary key.
    """
    if not stream.wants:
        return ()
    wanted = {path.partition("@")[0].partition(".")[0] for path in stream.wants}
    wanted -= {"", *([key] if table.named_by_us else [])}
    return tuple(sorted(wanted | {table.id, version}))


def query(**options: str | Iterable[str]) -> str:
    """`?$select=...&$filter=...` of the options that are given."""
    parts = []
    for name, value in options.items():
        text = value if isinstance(value, str) else ",".join(value)
        if text:
            parts.append(f"${name}={quote(text, safe=',()$:')}")
    return "?" + "&".join(parts) if parts else ""


def by_ids(table: Table, ids: Sequence[str]) -> Iterator[tuple[Sequence[str], str]]:
    """The ids in portions, each with the filter that finds them."""
    for start in range(0, len(ids), _IDS_PER_FILTER):
        some = ids[start : start + _IDS_PER_FILTER]
        yield some, " or ".join(f"{table.id} eq {one}" for one in some)


def follow(link: str, answer: hub.JsonObject) -> str:
    """The address of the next page, empty after the last. Dataverse's links are whole ones.

    OData allows relative ones (11.2.6.7 of its protocol), which begin at the answer's own address.
    """
    more = answer.get("@odata.nextLink")
    return urljoin(link, str(more)) if more else ""


def changed(window: hub.Window) -> str:
    """The filter for a window.

    All of its first second is read again: how their database sorts GUIDs, and whether it compares
    them at all, is not documented, so a row's id says nothing about what came before it.
    """
    before = f"{MODIFIED} lt {_instant(window.before)}"
    return f"{changed_since(window.since)} and {before}" if window.since else before


def changed_since(moment: datetime) -> str:
    return f"{MODIFIED} ge {_instant(moment)}"


def literal(text: str) -> str:
    """A string inside an address: `'O''Brien'`."""
    return quote("'" + text.replace("'", "''") + "'", safe="'")


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def version_of(row: hub.JsonObject, version: str) -> str:
    """A text that sorts by age: the row version padded, or the time stamp as it is."""
    value: Any = row[version]
    return f"{value:020d}" if version == VERSION else str(value)


def etag(version: str) -> str:
    """The ETag of the row version; any of them for none."""
    return f'W/"{int(version)}"' if version else "*"


def change(table: Table, row: hub.JsonObject, version: str, key: str) -> hub.Change:
    """`key` is the column that holds our sys_id; of a row that may be named by us, it is its id."""
    if table.named_by_us:
        row = row | {key: str(row[table.id]).replace("-", "")}
    return hub.Change(table.set, row[table.id], row, version_of(row, version))
