"""Seeding from sObject Tree files, as `sf data export tree` writes them.

A folder with plan files (`[{"sobject", "files"}]`) is loaded as the plans say, in their order;
one without, file by file, those with references last. `@ContactRef155` is the record with that
referenceId, which holds within one folder; where two files use one, the later file's. Fields that
our objects lack are added, and so are whole objects.

Nothing is merged: two records with the same External_Id__c are two records. In the public sample
data different people share that number, so it cannot say who is the same; and a folder in which
one file repeats another's people (a small and a large set) holds them twice, as an import would.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from spokes.salesforce.sandbox import records
from spokes.salesforce.sandbox.objects import inferred, widened
from spokes.salesforce.sandbox.tables import Tables

Record = dict[str, Any]
_AGE = timedelta(days=1)  # of everything that is loaded, so that a pull finds it


def load(root: Path, tables: Tables, now: datetime) -> list[str]:
    """Fill the tables from every folder below; returns a note on each file that it left out.

    Raises ValueError when there is nothing to load at all.
    """
    notes: list[str] = []
    loaded = 0
    for folder in sorted({path.parent for path in root.rglob("*.json")}):
        known: dict[str, str] = {}
        for path in _files(folder, notes):
            found = _records(path)
            if found is None:
                notes.append(f"{path}: not a tree file, left out")
                continue
            loaded += len(found)
            for kind in dict.fromkeys(record["attributes"]["type"] for record in found):
                alike = [record for record in found if record["attributes"]["type"] == kind]
                _store(tables, kind, alike, known, now - _AGE)
    if not loaded:
        raise ValueError(f"{root}: no sObject Tree files (JSON with records and attributes) in it")
    return notes


def _files(folder: Path, notes: list[str]) -> Iterator[Path]:
    """The files of the plans in the plans' order, or all of them."""
    everything = sorted(folder.glob("*.json"))
    plans = [path for path in everything if _is_plan(path)]
    planned = [folder / name for plan in plans for step in _read(plan) for name in step["files"]]
    for path in planned:
        if path.exists():
            yield path
        else:
            notes.append(f"{path}: named by a plan, but not there")
    if plans:
        rest = set(everything) - set(planned) - set(plans)
        notes += [f"{path}: not in the folder's plan, left out" for path in sorted(rest)]
    else:
        yield from sorted(everything, key=_refers)


def _refers(path: Path) -> bool:
    """Whether any record of a file refers to one that must be there before it."""
    values = (value for record in _records(path) or () for value in record.values())
    return any(isinstance(value, str) and value.startswith("@") for value in values)


def _is_plan(path: Path) -> bool:
    content = _read(path)
    return isinstance(content, list) and all(
        isinstance(step, dict) and isinstance(step.get("files"), list) for step in content
    )


def _records(path: Path) -> list[Record] | None:
    content = _read(path)
    found = content.get("records") if isinstance(content, dict) else None
    if not isinstance(found, list) or not all(_is_record(record) for record in found):
        return None
    return found


def _is_record(record: Any) -> bool:
    return isinstance(record, dict) and "type" in record.get("attributes", {})


def _read(path: Path) -> Any:
    return orjson.loads(path.read_bytes())


def _store(
    tables: Tables, kind: str, found: list[Record], known: dict[str, str], now: datetime
) -> None:
    plain = [{k: v for k, v in r.items() if k != "attributes"} for r in found]
    if kind in tables:
        tables.add(widened(tables[kind].sobject, plain))
    else:
        tables.add(inferred(kind, _prefix(tables), plain))
    table = tables[kind]
    for record, values in zip(found, plain, strict=True):
        row = records.new_row(table, {k: _resolved(v, known) for k, v in values.items()}, now)
        table.put_all([row])
        if reference := record["attributes"].get("referenceId"):
            known[f"@{reference}"] = row["Id"]


def _resolved(value: Any, known: dict[str, str]) -> Any:
    """A reference to a record that is not in the files is left empty, as nothing can hold it."""
    if isinstance(value, str) and value.startswith("@"):
        return known.get(value)
    return value


def _prefix(tables: Tables) -> str:
    custom = sum(table.sobject.prefix.startswith("a0") for table in tables)
    return f"a0{chr(ord('A') + custom)}"
