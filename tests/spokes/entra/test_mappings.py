"""The mapping files of Entra, on their own examples, on the sandbox's staff, and on real records."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import hub
from hub.mapping import Mapping, check_examples, load
from hub.store import entities
from hub.testing import serve
from spokes.entra.sandbox import EntraSandbox
from spokes.entra.spoke import Entra

FILES = sorted((Path(__file__).parents[3] / "mappings" / "entra").glob("*.yaml"))
MAPPINGS = {
    mapping.stream: mapping
    for file in FILES
    for mapping in load(file, shape_of=lambda name: entities.find(name).shape)
}
REAL = Path(os.environ.get("HUB_REAL_DATA", Path(__file__).parents[4] / "shared" / "data"))
MOCKS = REAL / "msgraph-mocks"


def mapped(spoke: Entra) -> tuple[Counter[str], dict[str, Any]]:
    """How many records of each stream could be read, and the last by its name."""
    made: Counter[str] = Counter()
    by_name: dict[str, Any] = {}
    for stream, mapping in MAPPINGS.items():
        asked = hub.Stream(stream, wants=mapping.paths)
        for page in spoke.pull(asked, None):
            for change in page.changes:
                assert change.data is not None
                assert mapping.key(change.data) == change.id
                ours = mapping.inward(change.data)
                by_name[ours["name"]] = ours
                made[stream] += 1
    return made, by_name


def served(sandbox: EntraSandbox) -> tuple[Counter[str], dict[str, Any]]:
    with serve(sandbox) as tenant:
        spoke = Entra.model_validate(tenant.settings())
        found = mapped(spoke)
        spoke.close()
        return found


@pytest.mark.parametrize("mapping", MAPPINGS.values(), ids=lambda m: m.stream)
def test_the_examples_hold(mapping: Mapping) -> None:
    assert check_examples(mapping) == []


def test_every_stream_has_a_mapping() -> None:
    assert MAPPINGS.keys() == {stream.name for stream in Entra.streams}


def test_nobody_is_matched_by_an_address_that_several_may_share() -> None:
    rules = {name: [rule.fields for rule in mapping.match] for name, mapping in MAPPINGS.items()}
    assert rules == {"users": [("employee_number",), ("user_name",)], "groups": []}


def test_everything_that_the_tenant_serves_can_be_mapped() -> None:
    made, by_name = served(EntraSandbox())
    assert made == {"users": 61, "groups": 3}
    guest = by_name["Vera Stone (Northgate)"]
    assert (guest["hub_user_type"], guest["email"]) == ("external", "vera.stone@northgate.example")
    assert by_name["Case Agents"]["u_security_enabled"] == "true"


@pytest.mark.skipif(not MOCKS.is_dir(), reason="no msgraph-mocks in the real data")
def test_real_users_and_groups_can_be_mapped() -> None:
    made, by_name = served(EntraSandbox(seed=MOCKS))
    assert made["users"] >= 5
    assert made["groups"] >= 5
    assert by_name["HR Taskforce"]["email"] == "hrtaskforce@contoso.com"
    assert by_name["Waldek Mastykarz"]["phone"] == "4258828080"
