"""A mapping drafted from records loads, holds its own examples, and finds most of what a person maps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from hub import registry
from hub.app import Hub
from hub.kit import observed
from hub.kit.proposal import Proposal, propose
from hub.kit.tried import Nothing
from hub.mapping import Mapping, check_examples, load
from hub.mapping.language import read_paths
from hub.spoke import Pulls
from hub.store import entities
from hub.store.database import Database
from hub.sync.connection import Connection, Connections
from hub.testing import Sandbox, serve
from hub.testing.example import numbered

EXAMPLES = Path(__file__).parents[1] / "spokes"
SHIPPED = Path(__file__).parents[2] / "mappings"


def loaded(path: Path) -> list[Mapping]:
    return load(path, shape_of=lambda name: entities.find(name).shape)


@contextmanager
def connected(sandbox: Sandbox, db: Database, **mappings: tuple[Mapping, ...]) -> Iterator[Hub]:
    kind = registry.find(sandbox.name)
    spoke = kind.model_validate(sandbox.settings()).using(clock=sandbox.clock.now)
    try:
        yield Hub(db, Connections([Connection("their", spoke, mappings)]))
    finally:
        spoke.close()


def proposed(hub: Hub, stream: str, **more: Any) -> Proposal:
    return propose(hub, hub.connections["their"], stream, **more)


def reads(mapping: Mapping) -> dict[str, set[str]]:
    """Which paths each field of ours is read from, children's too."""
    rules = {rule.field.name: rule.read for rule in mapping.declaration.rules if rule.read}
    rules |= {
        f"{part.name}.{rule.field.name}": rule.read
        for part in mapping.declaration.parts
        for rule in part.rules
        if rule.read
    }
    return {name: {".".join(path) for path in read_paths(tree)} for name, tree in rules.items()}


def streams() -> list[tuple[str, str]]:
    return [
        (file.parent.name, file.stem)
        for file in sorted(SHIPPED.glob("*/*.yaml"))
        if file.parent.name in registry.names()
    ]


def with_records(sandbox: Sandbox, spoke: str, stream: str) -> None:
    """Where a sandbox starts empty, the records of the spoke's example."""
    with sandbox.lock:
        if sandbox.mutate({"do": "list", "stream": stream}):
            return
        written = yaml.safe_load((EXAMPLES / spoke / "example.yaml").read_text())
        create = written["streams"].get(stream, {}).get("create", {})
        for n in range(1, 13):
            sandbox.mutate({"do": "create", "stream": stream, "data": numbered(create, n)})
        sandbox.clock.advance(timedelta(minutes=10))


AT_LEAST = {
    "dynamics365/contacts": 12, "entra/users": 17, "plm/defects": 10, "salesforce/Account": 13,
    "salesforce/Case": 12, "salesforce/Contact": 15, "shopify/orders": 22,
}  # fmt: skip
"""Of the lines of these files, so many must be found without a person."""


@pytest.mark.parametrize(("spoke", "stream"), streams())
def test_a_draft_of_a_shipped_stream(spoke: str, stream: str, db: Database, tmp_path: Path) -> None:
    shipped = loaded(SHIPPED / spoke / f"{stream}.yaml")[0]
    with serve(registry.sandbox(spoke)()) as sandbox, connected(sandbox, db) as hub:
        spoken = hub.connections["their"].spoke
        if not isinstance(spoken, Pulls) or stream not in {one.name for one in spoken.streams}:
            return  # a stream of webhooks, or of somebody else's file
        with_records(sandbox, spoke, stream)
        made = proposed(hub, stream, entity=shipped.to, most=60)
    file = tmp_path / "draft.yaml"
    file.write_text(made.text)
    [draft] = loaded(file)
    assert check_examples(draft) == []
    assert len(draft.declaration.examples) >= 3
    wanted, there = reads(shipped), reads(draft)
    readable = {name: paths for name, paths in wanted.items() if paths}
    hits = {name for name, paths in readable.items() if paths & there.get(name, set())}
    missed = sorted(readable.keys() - hits)
    assert len(hits) >= AT_LEAST.get(f"{spoke}/{stream}", 0), f"missed {missed}"
    assert made.fields == len(draft.declaration.rules)


@pytest.fixture(scope="module")
def crm() -> Iterator[Sandbox]:
    with serve(registry.sandbox("salesforce")()) as sandbox:
        yield sandbox


@pytest.fixture
def draft(crm: Sandbox, db: Database, tmp_path: Path) -> tuple[Mapping, str]:
    with connected(crm, db) as hub:
        made = proposed(hub, "Case", entity="case")
    file = tmp_path / "Case.yaml"
    file.write_text(made.text)
    [found] = loaded(file)
    return found, made.text


def test_names_types_picklists_and_references_are_told_from_records(
    draft: tuple[Mapping, str],
) -> None:
    mapping, text = draft
    lines = {rule.field.name: rule.text for rule in mapping.declaration.rules}
    assert mapping.declaration.texts == {
        "key": "Id", "version": "SystemModstamp", "deleted": "IsDeleted",
    }  # fmt: skip
    assert lines["short_description"] == "Subject | trim"
    assert lines["state"] == "Status | map(state)"
    assert lines["account"] == "AccountId | ref(Account)"
    assert lines["opened_at"] == "CreatedDate | datetime"
    assert mapping.declaration.maps["state"]["On Hold"] == "awaiting_info"
    assert '"Equipment": question  # ? guessed' in text


def test_no_person_of_theirs_is_in_the_examples(crm: Sandbox, draft: tuple[Mapping, str]) -> None:
    [example, *_] = draft[0].declaration.examples
    told = {str(value) for value in example.data["given"].values()}
    with crm.lock:
        ids = crm.mutate({"do": "list", "stream": "Contact"})
        record = crm.mutate({"do": "list", "stream": "Case"})
    assert ids
    assert record
    assert {"text-1", "text-2"} <= told  # subject and description


def test_a_stream_without_records_is_refused(db: Database) -> None:
    with (
        serve(registry.sandbox("tryton")()) as sandbox,
        connected(sandbox, db) as hub,
        pytest.raises(Nothing, match="their/parties shows no record"),
    ):
        proposed(hub, "parties")


def column(*values: Any) -> observed.Column:
    return observed.columns([{"a": value} for value in values])["a",]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (["2026-03-01T10:00:00Z", "2026-03-01T10:00:00+02:00"], ("moment", "")),
        (["2026-03-01T10:00:00"], ("moment", "local")),
        (["2026-03-01"], ("date", "local")),
        (["a@b.example", "C@d.example"], ("text", "email")),
        (["a@b.example", "nobody"], ("text", "")),
        (["16.80", "-3.1"], ("text", "decimal")),
        (["+49 30 5550000"], ("text", "phone")),
        (["<p>Hello</p>", "<b>x</b>"], ("text", "html")),
        ([True, None], ("boolean", "")),
        ([1, 2.5], ("number", "")),
        ([None, ""], ("text", "empty")),
    ],
)
def test_a_kind_is_told_when_all_values_are_of_it(values: list[Any], told: tuple[str, str]) -> None:
    one = observed.property_of(column(*values))
    assert one is not None
    assert (one.type, one.format) == told


def test_what_is_now_this_now_that_is_not_mapped() -> None:
    assert observed.property_of(column("1", 2, True)) is None


def test_few_values_that_come_back_are_a_picklist() -> None:
    one = observed.property_of(column(*["New"] * 6, *["Done"] * 4))
    assert one is not None
    assert one.values == ("New", "Done")
    many = observed.property_of(column(*(f"v{n}" for n in range(40))))
    assert many is not None
    assert many.values == ()
