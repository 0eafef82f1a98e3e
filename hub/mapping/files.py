"""Mapping files: read, laid over what they extend, compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from hub import marked
from hub.mapping import document, overlay
from hub.mapping.faults import BadMapping
from hub.mapping.mapping import Mapping
from hub.mapping.reader import StreamsOf, anything
from hub.marked import Document
from hub.shape import Shape


def load(
    path: Path,
    *,
    shape_of: Callable[[str], Shape],
    shown_as: str | None = None,
    shipped: Path = overlay.SHIPPED,
    streams_of: StreamsOf = anything,
) -> list[Mapping]:
    """One mapping per YAML document of the file.

    `shape_of` finds an entity by its short name; it raises `LookupError` with a message that names
    what is known. Raises `BadMapping` with every fault of the file. `shown_as` is the file's name
    in places and messages; `shipped` is the folder where what the file `extends` is looked for.
    `streams_of` gives the streams of a spoke, to which references may lead; None for any.
    """
    faults: list[str] = []
    mappings: list[Mapping] = []
    for one in _documents(path, shown_as, shipped):
        try:
            mapping = Mapping(document.read(one, shape_of, streams_of))
        except BadMapping as error:
            faults += error.faults
            continue
        faults += _overlaps(mapping, mappings, one)
        mappings.append(mapping)
    if faults:
        raise BadMapping(dict.fromkeys(faults))
    return mappings


def _overlaps(mapping: Mapping, before: list[Mapping], one: Document) -> Iterator[str]:
    """A record is one of ours per table: two documents to one must not both take it."""
    for other in before:
        conditions = [m.declaration.accessors.get("when") for m in (mapping, other)]
        if other.table == mapping.table and None in conditions:
            what = "an earlier document maps to it as well: each needs a `when` that tells whose a record is"
            yield f"{one.at('to')}: to: {what}"
            return


def _documents(path: Path, shown_as: str | None, shipped: Path) -> list[Document]:
    try:
        found = marked.read(path, shown_as=shown_as)
    except marked.BadYaml as error:
        raise BadMapping([str(error)]) from error
    if not found:
        raise BadMapping([f"{shown_as or path}: holds no mapping"])
    return overlay.lay(found, path, shipped)
