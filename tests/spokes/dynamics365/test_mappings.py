"""The mapping files fit the store, their own examples, and what the environment serves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from hub.mapping import Mapping, check_examples, load
from hub.store.entities import find
from spokes.dynamics365.sandbox import Dynamics365Sandbox
from spokes.dynamics365.spoke import Dynamics365
from spokes.dynamics365.tables import BY_SET
from tests.spokes.dynamics365.conftest import REAL, STREAMS, changes

FOLDER = Path(__file__).parents[3] / "mappings" / "dynamics365"
RECORDED = REAL / "dynamics365-fieldservice"
TO = {
    "accounts": "account",
    "contacts": "contact",
    "incidents": "case",
    "msdyn_workorders": "work_order",
    "bookableresources": "user",
    "bookableresourcebookings": "work_order_task",
    "annotations": "journal and attachment",
}


def mappings(name: str) -> list[Mapping]:
    return load(FOLDER / f"{name}.yaml", shape_of=lambda entity: find(entity).shape)


def mapping(name: str) -> Mapping:
    [found] = mappings(name)
    return found


@pytest.mark.parametrize("name", STREAMS)
def test_every_stream_has_a_mapping_whose_examples_hold(name: str) -> None:
    for loaded in mappings(name):
        assert loaded.name == f"dynamics365/{name}"
        assert loaded.to in TO[name]
        assert check_examples(loaded) == []
        assert len(loaded.declaration.examples) >= 3


@pytest.mark.parametrize("name", STREAMS)
def test_every_row_of_the_environment_fits(spoke: Dynamics365, name: str) -> None:
    told, _ = changes(spoke, replace(STREAMS[name], wants=mappings(name)[0].paths))
    assert told
    for change in told:
        assert change.data is not None
        read = [loaded for loaded in mappings(name) if loaded.applies(change.data)]
        for loaded in read:
            assert loaded.key(change.data) == change.id
            assert loaded.version(change.data) == change.version
            assert loaded.inward(change.data)


@pytest.mark.parametrize("name", STREAMS)
def test_nothing_is_written_that_they_would_refuse(name: str) -> None:
    schema = next(t.schema for t in Dynamics365Sandbox().rows if t.schema.set == name)
    rules = [rule for loaded in mappings(name) for rule in loaded.declaration.rules]
    targets = {str(rule.inverse.target[0]) for rule in rules if rule.inverse}
    targets |= {str(out.target[0]) for rule in rules for out in rule.outs}
    for path in targets:
        if path.startswith("_"):
            assert schema.navigation(BY_SET[name].lookups[path].navigation)
        else:
            assert schema.columns[path].writable, f"{path} is theirs alone"


@pytest.mark.skipif(not RECORDED.is_dir(), reason=f"real records are not there: {RECORDED}")
def test_the_documented_answer_reads_as_a_work_order() -> None:
    row = orjson.loads((RECORDED / "retrieve_response.json").read_bytes())
    read = mapping("msdyn_workorders").inward(row)
    assert (read["correlation_display"], read["state"], read["active"]) == ("00051", "12", True)


@pytest.mark.skipif(not RECORDED.is_dir(), reason=f"real records are not there: {RECORDED}")
def test_every_documented_status_has_a_state() -> None:
    labels = orjson.loads((RECORDED / "systemstatus.json").read_bytes())
    maps = mapping("msdyn_workorders").declaration.maps
    assert {int(code) for code in labels} == set(maps["state"])
    assert set(maps["systemstatus"].values()) <= set(maps["state"])
    assert set(maps["systemstatus"]) == set(find("work_order").shape.fields["state"].choices)
