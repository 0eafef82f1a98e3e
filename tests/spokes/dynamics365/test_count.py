"""Counting: aggregated up to their limit, beyond it by their snapshot, and never `at least`."""

from __future__ import annotations

import pytest

import hub
from hub.testing import Fault
from spokes.dynamics365.sandbox import Dynamics365Sandbox
from spokes.dynamics365.spoke import Dynamics365
from tests.spokes.dynamics365.conftest import ORDERS, Ask, Connect


def asked(field: Dynamics365Sandbox) -> list[str]:
    return [entry.path.rpartition("/")[2] for entry in field.journal if "/api/" in entry.path]


def test_rows_are_counted_in_one_call(field: Dynamics365Sandbox, spoke: Dynamics365) -> None:
    assert spoke.count(ORDERS, None) == 90
    assert asked(field) == ["msdyn_workorders"]
    assert spoke.http.left is not None
    assert spoke.http.left.allowed == "the 6,000 in 5 minutes"


def test_what_changed_since_a_moment_is_counted(
    field: Dynamics365Sandbox, connect: Connect
) -> None:
    spoke = connect(without_change_tracking=["msdyn_workorders"])
    moment = field.clock.now()
    [id, *_] = field.mutate({"do": "list", "stream": "msdyn_workorders"})
    data = {"msdyn_workordersummary": "Moved"}
    field.mutate({"do": "update", "stream": "msdyn_workorders", "id": id, "data": data})
    assert spoke.count(ORDERS, moment) == 1


def test_of_a_larger_table_their_snapshot_is_read(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    field.mutate({"do": "aggregate", "most": 50})
    assert spoke.count(ORDERS, None) == 90
    assert asked(field)[1:] == ["RetrieveTotalRecordCount(EntityNames=['msdyn_workorder'])"]


def test_a_larger_part_of_a_table_is_not_counted(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    field.mutate({"do": "aggregate", "most": 5})
    assert spoke.count(ORDERS, field.clock.now().replace(year=2020)) is None


def test_a_privilege_that_is_missing_is_an_error(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    field.mutate({"do": "grant", "stream": "msdyn_workorders", "on": False})
    with pytest.raises(hub.AuthFailed):
        spoke.count(ORDERS, None)


def test_an_answer_without_a_number_is_worth_another_try(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    field.faults.add(Fault(path="workorders", status=200, body={"value": []}))
    with pytest.raises(hub.Transient, match="no number"):
        spoke.count(ORDERS, None)


@pytest.mark.parametrize(
    "query",
    ["$apply=aggregate($count as n)&$top=1", "$apply=aggregate(x with sum as n)",
     "$apply=filter(nothing eq 1)/aggregate($count as n)"],
)  # fmt: skip
def test_the_sandbox_aggregates_nothing_else(ask: Ask, query: str) -> None:
    assert ask("GET", f"msdyn_workorders?{query}").status_code == 400
    assert ask("GET", "RetrieveTotalRecordCount(EntityNames=['nothing'])").status_code == 400
