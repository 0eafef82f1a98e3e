"""The mappings that we ship keep the promise as well: twelve statements for any page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

import hub
from hub.mapping import Mapping as FieldMapping
from hub.store import cursors, entities, links
from hub.store.enclosed import KINDS
from hub.store.links import Link
from hub.sync.connection import Connection
from hub.sync.inbound.absorb import absorb
from hub.sync.jobs import Push
from hub.sync.records.ended import TABLES
from tests.sync.elsewhere import Elsewhere, at
from tests.sync.world import World, mapped

FOLDER = Path(__file__).parent.parent.parent / "mappings"
FLOWS = "hub"  # whose records are our own: test_flows.py
FILES = sorted(file for file in FOLDER.glob("*/*.yaml") if file.parent.name != FLOWS)
MOST = 12


class Theirs(Elsewhere):
    """Has the streams of a file, and can be written to."""


def connected(name: str, file: Path) -> Connection:
    class Of(Theirs):
        """Of one file."""

        streams = (hub.Stream(file.stem),)

    return Connection(name, Of(), {file.stem: mapped(file)})


def examples(mapping: FieldMapping) -> Iterator[dict[str, Any]]:
    """The examples that show a record as it comes in."""
    for example in mapping.declaration.examples:
        if "given" in example.data and isinstance(example.data.get("want"), dict):
            yield dict(example.data)


def change(mapping: FieldMapping, example: dict[str, Any], id: str, moment: int) -> hub.Change:
    """The example under another id, with references that are its own in every second one."""
    text = orjson.dumps(example["given"], default=str).decode()
    own = mapping.key(example["given"])
    if moment % 2:
        for ids in example.get("refs", {}).values():
            for known in ids:
                text = text.replace(f'"{known}"', f'"{known}-{id}"')
    record = orjson.loads(text.replace(f'"{own}"', f'"{id}"'))
    return hub.Change(mapping.stream, id, record, at(moment))


def bad(mapping: FieldMapping, change: hub.Change) -> hub.Change:
    """The same with every value an object where a text belongs, but what `when` looks at."""
    assert change.data is not None
    condition = mapping.declaration.texts.get("when", "")
    broken = {
        name: {"odd": True}
        if isinstance(value, str) and value != change.id and f"{name} ==" not in condition
        else value
        for name, value in change.data.items()
    }
    return hub.Change(change.stream, change.id, broken, change.version)


def target(mapping: FieldMapping, stream: str) -> str:
    """The table that a mapping means by a reference to this stream: one that holds, where one must."""
    if mapping.table not in TABLES:
        return "customer_account"
    rules = mapping.declaration.rules
    return next(rule.field.reference for rule in rules if f"ref({stream})" in rule.text)


def worst(world: World, mapping: FieldMapping) -> list[hub.Change]:
    """Records that are new, changed, gone, back, bad, and well again."""
    [example, *_] = examples(mapping)
    each = range(60)

    def told(word: str, moment: int) -> list[hub.Change]:
        return [change(mapping, example, f"{word}{i}", moment) for i in each]

    def removed(word: str, moment: int) -> list[hub.Change]:
        return [hub.Change(mapping.stream, f"{word}{i}", None, at(moment)) for i in each]

    def broken(word: str, moment: int) -> list[hub.Change]:
        return [bad(mapping, change) for change in told(word, moment)]

    before = [*told("upd", 1), *told("del", 1), *told("back", 1), *broken("well", 1)]
    world.absorb(*before)
    world.absorb(*removed("back", 2))
    with world.db.write() as tx:  # what the examples refer to
        known = [
            Link("crm", stream, target(mapping, stream), id, f"{id:.32}")
            for stream, ids in example.get("refs", {}).items()
            for id in ids
        ]
        links.save(tx, known, now=world.clock())
    return [
        *told("upd", 4), *removed("del", 4), *told("back", 4), *told("well", 4),
        *told("new", 4), *told("more", 5), *broken("bad", 4),
    ]  # fmt: skip


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_a_page_of_a_shipped_stream(world: World, file: Path) -> None:
    world.connect(connected("crm", file), connected("erp", file))
    page = worst(world, mapped(file)[0])
    connection, stream = world.connections["crm"], file.stem
    with world.counted() as sent, world.db.write() as tx:
        counts = absorb(tx, world.connections, connection, stream, page, now=world.now)
        cursors.move(tx, "crm", stream, "x", counts, now=0.0, newest=None, job=1, take=1)
    before = [sql for sql in sent if "JOIN sys_audit" in sql]  # what was set while they were gone
    assert len(before) <= 1
    assert len(sent) - len(before) <= MOST, "\n".join(sql[:90] for sql in sent)
    assert counts.created >= 180
    assert counts.failed == 60
    assert world.dead()


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_what_a_shipped_stream_tells_is_not_pushed_back(world: World, file: Path) -> None:
    world.connect(connected("crm", file))
    mapping = mapped(file)[0]
    [example, *_] = examples(mapping)
    world.absorb(change(mapping, example, "x1", 2))
    assert world.waiting("push") == world.waiting("push_notes") == []
    if mapping.table in KINDS:  # each is sent once, and never to where it came from
        return
    sys_id = world.sys_id(mapping.to, "x1")
    world.run(Push("crm", mapping.stream, mapping.table, sys_id))
    assert world.system().writes == []
    assert entities.find(mapping.to).table.name == mapping.table
