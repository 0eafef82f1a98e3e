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
MAPPINGS = [
    mapping
    for file in FILES
    for mapping in load(file, shape_of=lambda name: entities.find(name).shape)
]
REAL = Path(os.environ.get("HUB_REAL_DATA", Path(__file__).parents[4] / "shared" / "data"))
MOCKS = REAL / "msgraph-mocks"


def mapped(spoke: Entra) -> tuple[Counter[str], dict[str, Any]]:
    """How many records could be read for each entity, and the last by what they are called."""
    made: Counter[str] = Counter()
    by_name: dict[str, Any] = {}
    for mapping in MAPPINGS:
        asked = hub.Stream(mapping.stream, wants=(*mapping.paths, "displayName"))
        for page in spoke.pull(asked, None):
            for change in page.changes:
                assert change.data is not None
                assert mapping.key(change.data) == change.id
                if mapping.applies(change.data):
                    by_name[str(change.data.get("displayName"))] = mapping.inward(change.data)
                    made[mapping.to] += 1
    return made, by_name


def served(sandbox: EntraSandbox) -> tuple[Counter[str], dict[str, Any]]:
    with serve(sandbox) as tenant:
        spoke = Entra.model_validate(tenant.settings())
        found = mapped(spoke)
        spoke.close()
        return found


@pytest.mark.parametrize("mapping", MAPPINGS, ids=lambda m: m.to)
def test_the_examples_hold(mapping: Mapping) -> None:
    assert check_examples(mapping) == []


def test_every_stream_has_a_mapping() -> None:
    assert {mapping.stream for mapping in MAPPINGS} == {stream.name for stream in Entra.streams}


def test_no_user_is_matched_by_an_address_that_several_may_share() -> None:
    rules = {mapping.to: [rule.fields for rule in mapping.match] for mapping in MAPPINGS}
    assert rules == {
        "user": [("employee_number",), ("user_name",)],
        "contact": [("employee_number",), ("email",)],
        "group": [],
        "group_member": [("user", "group")],
    }


def test_only_guests_who_have_accepted_are_matched_by_address() -> None:
    [guest] = [mapping for mapping in MAPPINGS if mapping.to == "contact"]
    assert not guest.creates
    states: list[str | None] = ["PendingAcceptance", None, "", "accepted"]
    for state in states:
        told = {"userType": "Guest", "externalUserState": state, "mail": "a@b.example"}
        assert guest.inward(told)["email"] is None


def test_everything_that_the_tenant_serves_can_be_mapped() -> None:
    made, by_name = served(EntraSandbox())
    assert made == {"user": 60, "contact": 1, "group": 3, "group_member": 89}
    guest = by_name["Vera Stone (Northgate)"]
    assert guest["hub_user_type"] == "external"
    assert by_name["Case Agents"]["u_security_enabled"] == "true"


@pytest.mark.skipif(not MOCKS.is_dir(), reason="no msgraph-mocks in the real data")
def test_real_users_and_groups_can_be_mapped() -> None:
    made, by_name = served(EntraSandbox(seed=MOCKS))
    assert made["user"] + made["contact"] >= 5
    assert made["group"] >= 5
    assert by_name["HR Taskforce"]["email"] == "hrtaskforce@contoso.com"
    assert by_name["Waldek Mastykarz"]["phone"] == "4258828080"
