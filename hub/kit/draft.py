"""Drafts streams and mappings from a description: the fields that it can tell, and what it cannot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hub.kit import odata, openapi
from hub.kit.described import (
    MOST_BYTES,
    MOST_STREAMS,
    BadDescription,
    Collection,
    Described,
    Property,
    snake,
)
from hub.kit.guess import Line, entity_of, lines_of, sample_of
from hub.kit.outline import JsonObject, Kind, Outline, StreamOutline
from hub.store.entities import Entity

OURS = frozenset({"id", "changed", "deleted"})
"""What every record of the invented API says already."""
VERSIONS = frozenset(
    {"updated_at", "updated", "updated_on", "modified_at", "modified", "modified_on", "modifiedon"}
    | {"last_modified", "last_modified_at", "changed_at", "last_updated", "date_modified"}
    | {"system_modstamp", "updated_date_time", "last_modified_date_time"}
)


def draft(file: Path, name: str, kind: Kind) -> Outline:
    """Streams and mappings of everything that the file lists; raises `BadDescription`."""
    described = _read(file)
    kept = described.collections[:MOST_STREAMS]
    if not kept:
        raise BadDescription(f"{file}: lists nothing that could be a stream")
    unsure = list(described.unsure)
    if left := [one.name for one in described.collections[MOST_STREAMS:]]:
        unsure.append(f"left out, for there are very many: {', '.join(left)}")
    drafts = [_Draft(name, kind, one, kept) for one in kept]
    # The first stream is the one that the example writes to.
    drafts.sort(key=lambda one: not one.update)
    if not drafts[0].update:
        raise BadDescription(f"{file}: no list has a text that could be changed")
    unsure += [line for one in drafts for line in one.unsure]
    return Outline(tuple(one.outline() for one in drafts), tuple(unsure))


def _read(file: Path) -> Described:
    try:
        with file.open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise BadDescription(f"{file}: cannot be read: {error.strerror or error}") from error
    if len(data) > MOST_BYTES:
        raise BadDescription(f"{file}: is larger than {MOST_BYTES // 1024 // 1024} MiB")
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return odata.read(data, str(file))
    try:
        return openapi.read(data.decode("utf-8-sig"), str(file))
    except UnicodeDecodeError as error:
        raise BadDescription(f"{file}: is not UTF-8: {error.reason}") from None


@dataclass(slots=True)
class _Draft:
    """One stream on its way to a mapping file."""

    spoke: str
    collection: Collection
    entity: Entity
    lines: list[Line]
    unsure: list[str]
    create: JsonObject
    update: JsonObject

    def __init__(
        self, spoke: str, kind: Kind, collection: Collection, others: tuple[Collection, ...]
    ) -> None:
        self.spoke, self.collection = spoke, collection
        self.stream = snake(collection.name)
        self.entity = entity_of(collection.name, kind)
        self.lines, self.unsure = [], []
        targets = {one.schema: (snake(one.name), entity_of(one.name, kind)) for one in others}
        mapped = [one for one in collection.properties if not self._is_head(one)]
        self.lines, doubts = lines_of(self.entity, mapped, targets)
        self.unsure += [f"{self.stream}: {doubt}" for doubt in doubts]
        self._say_heads()
        named = {line.theirs.name: sample_of(line.theirs) for line in self.lines}
        self.create = {name: value for name, value in named.items() if value is not None}
        changed = next((line.theirs for line in self.lines if line.plain), None)
        self.update = {changed.name: _changed(changed)} if changed else {}

    stream: str

    def outline(self) -> StreamOutline:
        return StreamOutline(
            self.stream, self.collection.path, self._text(), self.create, self.update
        )

    def _is_head(self, one: Property) -> bool:
        return snake(one.name) in OURS | VERSIONS or one.name == self.collection.key

    def _say_heads(self) -> None:
        """What the invented API calls otherwise than theirs."""
        names = {snake(one.name): one.name for one in self.collection.properties}
        if self.collection.key and self.collection.key != "id":
            self.unsure.append(
                f"{self.stream}: their id is {self.collection.key}; the draft says id"
            )
        for version in sorted(VERSIONS & names.keys()):
            self.unsure.append(
                f"{self.stream}: {names[version]} may be when a record changed; the draft says changed"
            )

    def _text(self) -> str:
        head = [
            "# yaml-language-server: $schema=../mapping.schema.json",
            "# Drafted from a description by `hub spoke new --from`: a guess, line by line. Is one of",
            f"# their {self.stream.replace('_', ' ')} really a {self.entity.name.replace('_', ' ')} of ours?",
            f"mapping: {self.spoke}/{self.stream}",
            f"to: {self.entity.name}",
            "key: id",
            "version: changed",
            "deleted: deleted",
            "stamp: external_ref",
            "owner: newest",
        ]
        return mapping_text(head, self.lines, self._examples())

    def _examples(self) -> Iterator[str]:
        given = {"id": f"{self.stream}-1"} | _counted(self.create)
        want = {line.ours: line.want(given[line.theirs.name]) for line in self.lines
                if line.shows and line.theirs.name in given}  # fmt: skip
        yield "examples:"
        yield "  - name: everything is there, as the description has it"
        yield f"    given: {flow(given)}"
        yield f"    want:  {flow(want)}"
        yield "  - name: what is missing is left alone"
        yield f"    given: {flow({'id': f'{self.stream}-2'})}"
        yield "    want:  {}"
        empty = next((line for line in self.lines if line.shows), None)
        yield "  - name: what is null is emptied"
        nothing = {"id": f"{self.stream}-3"} | ({empty.theirs.name: None} if empty else {})
        yield f"    given: {flow(nothing)}"
        yield f"    want:  {flow({empty.ours: None} if empty else {})}"


def mapping_text(
    head: Iterable[str], lines: Sequence[Line], examples: Iterable[str], *, more: Iterable[str] = ()
) -> str:
    """A mapping file: what it says of the stream, its fields, `more` of them, maps, examples."""
    width = max((len(line.ours) for line in lines), default=0) + 2
    text = [*head, "", "fields:", *(line.written(width) for line in lines), *more]
    maps = [line for line in lines if line.table]
    if maps:
        text += ["", "maps:"]
        for line in maps:
            text += line.written_table()
    return "\n".join([*text, "", *examples, ""])


def _changed(one: Property) -> str:
    return "Changed {n}"[: one.longest or 100]


def _counted(data: JsonObject) -> JsonObject:
    return {k: v.replace("{n}", "1") if isinstance(v, str) else v for k, v in data.items()}


def flow(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000)
    return text.removesuffix("\n...\n").rstrip()


__all__ = ["BadDescription", "draft"]
