"""A first mapping of a stream, from what its records show: the rest is for a person.

What is proposed was tried: each line reads every record that was looked at, and the examples in the
file, records without secrets and people, come out as they say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import orjson

from hub.app import Hub
from hub.kit import observed
from hub.kit.described import MOST_PROPERTIES, Property, snake
from hub.kit.draft import VERSIONS
from hub.kit.guess import Line, entity_of, lines_of, path_of
from hub.kit.observed import Column, Path
from hub.kit.tried import Nothing, Tried
from hub.kit.words import CHILDREN
from hub.spoke import Page, Pulls, Stream, Writes
from hub.store import entities, links
from hub.store.entities import Entity
from hub.sync.connection import Connection

MOST_PAGES, OTHERS = 20, 200
"""Pages that are asked for; ids of each other stream, to know references by."""
DELETED = frozenset({"deleted", "is_deleted", "isdeleted", "archived"})
SOME = 2
"""Fields that the items of a list must have of ours to be records of their own."""
LONG = 10
"""Characters of an id that is nobody else's by chance."""
SHARED = 5
"""Names that must begin alike."""
SEVERAL, MANY = 0.05, 0.5
"""The share of values that must be ids of a stream: of long ones, and of any."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A mapping file, how many fields it has and records it was made from, and what is in doubt."""

    text: str
    fields: int
    looked: int
    unsure: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Sampled:
    """Records of theirs; `ids` and `versions` as the spoke tells them, if it does."""

    records: list[Any]
    ids: list[str]
    versions: list[str]


def propose(
    hub: Hub, connection: Connection, stream: str, *, entity: str = "", most: int = 200
) -> Proposal:
    """Look at records of a stream and propose its mapping. Reads only, here and there.

    Raises `Nothing`, `UnknownEntity`, or what the spoke raises.
    """
    spoke = connection.spoke
    of = entities.find(entity) if entity else entity_of(stream, spoke.kind)
    seen = _sample(spoke, stream, most)
    if not seen.records:
        raise Nothing(f"{connection.name}/{stream} shows no record: there is nothing to go by")
    draft = _Draft(hub, connection, stream, of, seen)
    return draft.proposal()


def _sample(spoke: Any, name: str, most: int) -> _Sampled:
    """The first records, all that they say of themselves."""
    assert isinstance(spoke, Pulls)
    stream: Stream = next(one for one in spoke.streams if one.name == name)  # type: ignore[attr-defined]
    found = _Sampled([], [], [])
    for page in islice(spoke.pull(replace(stream, wants=()), None), MOST_PAGES):
        if page.body is not None:
            found.records.extend(_inside(page))
        else:
            for change in page.changes:
                if change.data is not None:
                    found.records.append(change.data)
                    found.ids.append(change.id)
                    found.versions.append(change.version)
        if len(found.records) >= most:
            break
    return _Sampled(found.records[:most], found.ids[:most], found.versions[:most])


def _inside(page: Page) -> list[Any]:
    value = orjson.loads(page.body or b"[]")
    for name in filter(None, page.at.split(".")):
        value = value.get(name, []) if isinstance(value, dict) else []
    return [one for one in value if isinstance(one, dict)]


@dataclass(slots=True)
class _Draft:
    """One stream on its way to a mapping file."""

    hub: Hub
    connection: Connection
    stream: str
    entity: Entity
    seen: _Sampled

    def proposal(self) -> Proposal:
        columns = observed.columns(self.seen.records)
        key = self._key(columns)
        version, deleted = self._version(columns), self._deleted(columns)
        heads = {one for one in (key, version, deleted) if one}
        targets, ids = self._others()
        inside, children = self._children(columns)
        properties = [
            self._refers(column, one, ids)
            for path, column in columns.items()
            if path not in heads and path[: len(inside or path) + 1] != (*(inside or path), 0)
            if (one := observed.property_of(column))
        ][:MOST_PROPERTIES]
        properties = _without_prefix(properties)
        identity = [self._identity(key)] if self._identity(key) else []
        taken = {line.ours for line in identity if line}
        lines, unsure = lines_of(self.entity, properties, targets, taken=taken)
        kept = [*(line for line in identity if line), *lines]
        tried = Tried(
            self.stream, self.seen.records, kept, self._head(key, version, deleted), key, children
        )
        text = tried.text()
        read = {line.theirs.steps for line in tried.lines} | heads
        left = [_said(one) for one in properties if one.steps not in read and one.format != "empty"]
        doubts = [*unsure, *tried.dropped]
        doubts += [f"not mapped: {', '.join(left)}"] if left else []
        if not version:
            doubts.append("nothing was found that tells when a record changed: no version")
        return Proposal(text, len(tried.lines), len(self.seen.records), doubts)

    def _children(self, columns: Mapping[Path, Column]) -> tuple[Path, list[str]]:
        """The list of records inside these, and the lines that read it; nothing for most entities."""
        if self.entity.name not in CHILDREN:
            return (), []
        name, child = CHILDREN[self.entity.name]
        best: tuple[int, Path, list[str]] = (SOME - 1, (), [])
        for path in [path for path, column in columns.items() if column.lists]:
            items = [
                item for each in columns[path].lists for item in each if isinstance(item, dict)
            ]
            below = observed.columns(items)
            key = next((one for one in below if snake(str(one[-1])) == "id"), None)
            properties = [one for each in below.values() if (one := observed.property_of(each))]
            lines, _ = lines_of(entities.find(child), properties, {})
            lines = [line for line in lines if not line.ours.startswith("u_") and not line.table]
            if key and len(lines) > best[0]:
                fields = [f"      {line.ours}: {line.bare}" for line in lines]
                head = ["", "children:", f"  {name}:", f"    to: {child}", f"    each: {_path(path)}",
                        f"    key: {_path(key)}", "    fields:"]  # fmt: skip
                best = (len(lines), path, [*head, *fields])
        return best[1], best[2]

    def _head(self, key: Path, version: Path | None, deleted: Path | None) -> list[str]:
        spoke = type(self.connection.spoke)
        kind = spoke.__module__.split(".")[1] if spoke.__module__.startswith("spokes.") else ""
        name = kind or spoke.__name__.lower()
        head = [
            "# yaml-language-server: $schema=../mapping.schema.json",
            f"# Drafted from {len(self.seen.records)} records by `hub mapping draft`: a guess, line by line.",
            "# What is in doubt has a `# ?`.",
            f"mapping: {name}/{self.stream}",
            f"to: {self.entity.name}",
            f"key: {_path(key)}",
        ]
        head += [f"version: {_path(version)}"] if version else []
        head += [f"deleted: {_path(deleted)}"] if deleted else []
        writes = isinstance(self.connection.spoke, Writes)
        return [*head, "owner: newest" if writes else "owner: theirs",
                *([] if writes else ["direction: in"])]  # fmt: skip

    def _key(self, columns: Mapping[Path, Column]) -> Path:
        """Where their id stands: what the spoke calls the records, or is called so and is unique."""
        if self.seen.ids:
            for path in columns:
                told = [observed.at(one, path) for one in self.seen.records]
                if [str(value) for value in told] == self.seen.ids:
                    return path
        names = ["id", f"{snake(self.stream)}_id", f"{snake(self.stream).removesuffix('s')}_id",
                 f"{snake(self.stream).removesuffix('s')}id", "guid", "uuid", "key"]  # fmt: skip
        for name in names:
            for path, column in columns.items():
                if len(path) == 1 and snake(str(path[0])) == name and _unique(column):
                    return path
        for end in ("id", "number", "code", ""):
            for path, column in columns.items():
                if len(path) == 1 and snake(str(path[0])).endswith(end) and _unique(column):
                    return path
        raise Nothing(
            f"{self.connection.name}/{self.stream}: no field is in every record and different in "
            "each: what is their id?"
        )

    def _version(self, columns: Mapping[Path, Column]) -> Path | None:
        if any(self.seen.versions):
            for path in columns:
                told = [observed.at(one, path) for one in self.seen.records]
                if [str(value) for value in told] == self.seen.versions:
                    return path
        named = [path for path in columns if snake(str(path[-1])) in VERSIONS]
        return min(named, key=len, default=None)

    def _deleted(self, columns: Mapping[Path, Column]) -> Path | None:
        for path, column in columns.items():
            if len(path) == 1 and snake(str(path[0])) in DELETED and _bools(column):
                return path
        return None

    def _identity(self, key: Path) -> Line | None:
        """Where people see what they call the record."""
        fields = self.entity.shape.fields
        name = next((one for one in ("correlation_id", "external_id") if one in fields), "")
        one = Property(str(key[-1]), "text", path=key, sampled=True)
        number = not isinstance(observed.at(self.seen.records[0], key), str)
        path = path_of(one) + (" | string" if number else "")
        return Line(name, one, path, inward=True) if name else None

    # -- references

    def _others(self) -> tuple[dict[str, tuple[str, Entity]], dict[str, set[str]]]:
        """The streams of the connection, what their records are of ours, and ids of each."""
        targets: dict[str, tuple[str, Entity]] = {}
        ids: dict[str, set[str]] = {}
        for stream in self.connection.spoke.streams:
            mapped = self.connection.mappings.get(stream.name)
            name = (
                mapped[0].to if mapped else entity_of(stream.name, self.connection.spoke.kind).name
            )
            targets[stream.name] = (stream.name, entities.find(name))
            ids[stream.name] = self._ids_of(stream.name)
        targets[self.stream] = (self.stream, self.entity)
        return targets, ids

    def _ids_of(self, stream: str) -> set[str]:
        if stream == self.stream and self.seen.ids:
            return set(self.seen.ids)
        mapped = self.connection.mappings.get(stream)
        try:
            seen = _sample(self.connection.spoke, stream, OTHERS)
        except Exception:  # noqa: BLE001 -- a stream that cannot be read gives no references, that is all
            return set()
        if seen.ids or not mapped:
            return set(seen.ids) or {
                str(one.get("id") or one.get("Id") or "") for one in seen.records
            }
        return {mapped[0].key(one) for one in seen.records}

    def _refers(self, column: Column, one: Property, ids: Mapping[str, set[str]]) -> Property:
        """The property as a reference, if what stands there are ids of some stream."""
        there = {str(value) for value in column.present}
        if one.type not in {"text", "integer"} or not there or one.format not in {"", "local"}:
            return one
        if one.type == "integer" and not snake(str(one.steps[-1])).endswith(
            ("id", "party", "user")
        ):
            shares = dict.fromkeys(ids, 0.0)  # small numbers are everybody's ids
        else:
            shares = {name: len(there & those) / len(there) for name, those in ids.items()}
        for name in ids:
            known = self._linked(name, there) if not shares[name] and one.type == "text" else 0
            shares[name] = max(shares[name], known / len(there))
        best = max(shares, key=lambda name: shares[name], default="")
        telling = min(map(len, there)) >= LONG or _named_so(one, best)
        if not best or shares[best] < (SEVERAL if telling else MANY):
            return one
        form = "integer" if one.type == "integer" else ""
        return replace(one, type="reference", of=best, format=form, values=())

    def _linked(self, stream: str, there: set[str]) -> int:
        """How many of these are linked as records of a stream."""
        with self.hub.db.read() as tx:
            known = links.lookup(tx, self.connection.name, stream, sorted(there)[:OTHERS])
        return sum(bool(one.links) for one in known.values())


def _without_prefix(properties: Sequence[Property]) -> list[Property]:
    """Called without what many of the names begin with: `msdyn_`, `x_acme_`."""
    starts = Counter(one.name.partition("_")[0] for one in properties if "_" in one.name.strip("_"))
    common = {f"{start}_" for start, many in starts.items() if many >= SHARED and start}
    return [
        replace(one, name=one.name.removeprefix(start))
        if (start := f"{one.name.partition('_')[0]}_") in common and len(one.steps) == 1
        else one
        for one in properties
    ]


def _named_so(one: Property, stream: str) -> bool:
    """Whether a property is called as the records of a stream are: `customer.id` of `customers`."""
    words = snake(".".join(map(str, one.steps))).split("_")
    return snake(stream).removesuffix("s").rpartition("_")[2] in words


def _path(path: Path) -> str:
    """As the mapping language writes it."""
    return path_of(Property(str(path[-1]), "text", path=path))


def _said(one: Property) -> str:
    return ".".join(str(step) for step in one.steps if not isinstance(step, int))


def _unique(column: Column) -> bool:
    values = column.values
    return len(column.present) == len(values) == len({str(value) for value in values})


def _bools(column: Column) -> bool:
    return bool(column.present) and {type(value) for value in column.present} == {bool}
