"""The mapping files fit the store, their own examples, and what the sandbox serves."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from hub.mapping import Mapping, RecordFailed, check_examples, load
from hub.spoke import Stream
from hub.store.entities import find
from spokes.salesforce import soql
from spokes.salesforce.sandbox import SalesforceSandbox
from spokes.salesforce.spoke import Salesforce
from tests.spokes.salesforce.conftest import REAL, Connect, changes

FOLDER = Path(__file__).parents[3] / "mappings" / "salesforce"
RECORDED = REAL / "salesforce-cumulusci-recorded"
STREAMS = [stream.name for stream in Salesforce.streams]


def mapping(name: str) -> Mapping:
    [found] = load(FOLDER / f"{name}.yaml", shape_of=lambda entity: find(entity).shape)
    return found


def ways_back(loaded: Mapping) -> list[str]:
    """`Path = value | ...` of every field that is written as the inverse of how it is read."""
    return [rule.inverse.text for rule in loaded.declaration.rules if rule.inverse]


@pytest.mark.parametrize("name", STREAMS)
def test_every_stream_has_a_mapping_whose_examples_hold(name: str) -> None:
    loaded = mapping(name)
    assert (loaded.name, check_examples(loaded)) == (f"salesforce/{name}", [])
    assert len(loaded.declaration.examples) >= 3


@pytest.mark.parametrize("name", STREAMS)
def test_every_record_of_the_org_fits_but_the_poisoned_one(connect: Connect, name: str) -> None:
    loaded, failed = mapping(name), []
    told, _ = changes(connect(), Stream(name, wants=loaded.paths))
    for change in told:
        assert change.data is not None
        assert loaded.key(change.data) == change.id
        assert loaded.version(change.data) == change.version
        try:
            assert loaded.inward(change.data)
        except RecordFailed as error:
            failed.append(str(error))
    assert len(failed) == (1 if name == "Case" else 0)
    assert all("'Exploded'" in message for message in failed)


@pytest.mark.parametrize("name", STREAMS)
def test_nothing_is_written_that_they_would_refuse(name: str) -> None:
    fields = SalesforceSandbox().tables[name].sobject.fields
    targets = {path.split(" = ")[0] for path in ways_back(mapping(name))}
    assert targets
    assert [path for path in targets if not fields[path].writable] == []


OPTIONAL = {"Hub_Id__c", "HasOptedOutOfEmail", "EmployeeNumber__c", "OrderNumber__c"}
"""Fields that an org may have, if it is set up so."""


@pytest.mark.skipif(not RECORDED.is_dir(), reason=f"recorded describes are not there: {RECORDED}")
@pytest.mark.parametrize(
    "name", [name for name in STREAMS if name not in {"CaseComment", "ContentVersion"}]
)
def test_every_mapped_field_is_in_a_real_orgs_describe(name: str) -> None:
    described = orjson.loads((RECORDED / f"describe_{name}.json").read_bytes())
    real = soql.sobject(described)
    loaded = mapping(name)
    found = soql.columns(Stream(name, wants=loaded.paths), real, lambda _: real)
    assert set(loaded.paths) - set(found) <= OPTIONAL
    writable = {field["name"] for field in described["fields"] if field["updateable"]}
    written = {path.split(" = ")[0] for path in ways_back(loaded)}
    assert written - writable <= OPTIONAL
