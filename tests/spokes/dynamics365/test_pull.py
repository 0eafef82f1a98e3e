"""Change tracking and its fallback: what comes, in which order, and where a pull goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import orjson
import pytest

import hub
from hub.testing import Fault
from spokes.dynamics365.sandbox import Dynamics365Sandbox
from spokes.dynamics365.spoke import Dynamics365
from tests.spokes.dynamics365.conftest import (
    ACCOUNTS,
    BOOKINGS,
    ORDERS,
    Connect,
    changes,
    first,
    rows,
    settle,
)

SUMMARY = "msdyn_workordersummary"
LABEL = "msdyn_systemstatus@OData.Community.Display.V1.FormattedValue"


def update(field: Dynamics365Sandbox, id: str, **data: object) -> None:
    field.mutate({"do": "update", "stream": ORDERS.name, "id": id, "data": data})


def instead(field: Dynamics365Sandbox, page: dict[str, Any]) -> None:
    """Answer the next request for rows with this."""
    field.faults.add(Fault(path="/api/data", status=200, body=page))


def told(spoke: Dynamics365, cursor: str, stream: hub.Stream = ORDERS) -> list[tuple[str, bool]]:
    return [(c.id, c.data is not None) for c in changes(spoke, stream, cursor)[0]]


def test_the_first_pull_brings_everything_and_the_next_nothing(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    everything, cursor = changes(spoke, ORDERS)
    assert {change.id for change in everything} == set(rows(field, ORDERS))
    assert told(spoke, cursor) == []


def test_tracking_is_asked_for_until_there_is_a_delta_link(
    field: Dynamics365Sandbox, connect: Connect
) -> None:
    spoke = connect(page_size=50)
    _, cursor = changes(spoke, ORDERS)
    changes(spoke, ORDERS, cursor)
    asked = [entry.headers["prefer"] for entry in field.journal.of("msdyn_workorders")]
    assert ["odata.track-changes" in prefer for prefer in asked] == [True, True, False]


def test_a_version_is_the_padded_row_version_and_grows(spoke: Dynamics365) -> None:
    everything, _ = changes(spoke, ORDERS)
    for change in everything:
        assert change.data is not None
        assert change.version == f"{change.data['versionnumber']:020d}"
        assert change.data["@odata.etag"] == f'W/"{int(change.version)}"'
    assert all(one.version < other.version for one, other in pairwise(everything))


def test_deletions_come_after_the_rows_also_across_pages(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    ids = list(rows(field, ORDERS))
    _, cursor = changes(spoke, ORDERS)
    for id in ids[:3]:
        field.mutate({"do": "delete", "stream": ORDERS.name, "id": id})
    for id in ids[3:6]:
        update(field, id, msdyn_instructions="Call first.")
    field.page_size = 2
    expected = [(id, True) for id in ids[3:6]] + [(id, False) for id in ids[:3]]
    assert told(spoke, cursor) == expected


def test_a_row_made_and_deleted_in_between_is_told_of_as_deleted(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    _, cursor = changes(spoke, ACCOUNTS)
    id = field.mutate({"do": "create", "stream": ACCOUNTS.name, "data": {"name": "Brief"}})
    field.mutate({"do": "delete", "stream": ACCOUNTS.name, "id": id})
    assert told(spoke, cursor, ACCOUNTS) == [(id, False)]


def test_a_row_that_comes_twice_on_a_page_is_told_once_as_it_is_now(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    id, gone = list(rows(field, ORDERS))[:2]
    _, cursor = changes(spoke, ORDERS)
    field.mutate({"do": "delete", "stream": ORDERS.name, "id": gone})
    there = {"msdyn_workorderid": id, "versionnumber": 9, SUMMARY: "new"}
    older = there | {"versionnumber": 8, SUMMARY: "old"}
    undead = there | {"msdyn_workorderid": gone}
    link = orjson.loads(cursor)["link"]
    tomb = {"@odata.context": "x/$metadata#msdyn_workorders/$deletedEntity", "id": gone}
    page = {"value": [there, older, undead, tomb], "@odata.deltaLink": link}
    instead(field, page)
    brought, _ = changes(spoke, ORDERS, cursor)
    assert [(c.id, c.data and c.data[SUMMARY]) for c in brought] == [(id, "new"), (gone, None)]


def test_only_what_the_mappings_read_is_selected(spoke: Dynamics365) -> None:
    stream = replace(ORDERS, wants=(SUMMARY, LABEL, "_msdyn_serviceaccount_value"))
    everything, _ = changes(spoke, stream)
    data = everything[0].data
    assert data is not None
    assert {name for name in data if "@" not in name} == {
        SUMMARY,
        "msdyn_systemstatus",
        "_msdyn_serviceaccount_value",
        "msdyn_workorderid",
        "versionnumber",
    }
    assert data[LABEL] in {"Unscheduled", "Scheduled", "In Progress", "Completed", "Canceled"}


def test_one_more_column_starts_over_and_one_less_does_not(spoke: Dynamics365) -> None:
    few = replace(ORDERS, wants=(SUMMARY,))
    more = replace(ORDERS, wants=(SUMMARY, "msdyn_instructions"))
    _, cursor = changes(spoke, few)
    with pytest.raises(hub.CursorLost, match="without msdyn_instructions"):
        changes(spoke, more, cursor)
    with pytest.raises(hub.CursorLost, match="without all columns"):
        changes(spoke, ORDERS, cursor)
    _, cursor = changes(spoke, more)
    assert changes(spoke, few, cursor)[0] == []
    _, cursor = changes(spoke, ORDERS)
    assert changes(spoke, more, cursor)[0] == []


def test_a_link_older_than_seven_days_is_lost(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    _, cursor = changes(spoke, ORDERS)
    field.clock.advance(timedelta(days=6, hours=23))
    assert told(spoke, cursor) == []
    field.clock.advance(timedelta(hours=2))
    with pytest.raises(hub.CursorLost, match="0x80044352"):
        changes(spoke, ORDERS, cursor)


def test_a_link_that_lost_its_token_early_is_lost_too(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    _, cursor = changes(spoke, ORDERS)
    field.mutate({"do": "expire_cursors"})
    with pytest.raises(hub.CursorLost):
        changes(spoke, ORDERS, cursor)


def test_a_cursor_of_another_organisation_is_lost(spoke: Dynamics365) -> None:
    link = "https://other.crm.dynamics.com/api/data/v9.2/msdyn_workorders?$deltatoken=1"
    cursor = orjson.dumps({"link": link, "columns": [], "tracking": False}).decode()
    with pytest.raises(hub.CursorLost, match="another organisation"):
        changes(spoke, ORDERS, cursor)


def test_a_next_link_to_another_host_is_refused_and_not_followed(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    evil = {"value": [], "@odata.nextLink": "https://elsewhere.example/api/data/v9.2/x"}
    instead(field, evil)
    with pytest.raises(hub.Permanent, match="refused to follow a link"):
        changes(spoke, ORDERS)


def test_a_table_without_change_tracking_says_what_to_do(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    field.mutate({"do": "track", "stream": BOOKINGS.name, "on": False})
    with pytest.raises(hub.Permanent, match="not enabled for entity bookableresourcebooking"):
        changes(spoke, BOOKINGS)
    instead(field, {"value": []})
    with pytest.raises(hub.Permanent, match="without_change_tracking"):
        changes(spoke, BOOKINGS)


def test_the_fallback_reads_by_the_time_of_the_last_change(
    field: Dynamics365Sandbox, connect: Connect
) -> None:
    field.mutate({"do": "track", "stream": ORDERS.name, "on": False})
    spoke = connect(without_change_tracking=[ORDERS.name], page_size=20)
    everything, cursor = changes(spoke, ORDERS)
    assert {change.id for change in everything} == set(rows(field, ORDERS))
    assert all(one.version <= other.version for one, other in pairwise(everything))
    id = first(field, ORDERS)
    update(field, id, msdyn_instructions="Call first.")
    settle(field)
    assert told(spoke, cursor) == [(id, True)]
    asked = [entry.query for entry in field.journal.of("msdyn_workorders")]
    assert ["$orderby", "modifiedon asc,msdyn_workorderid asc"] in [list(pair) for pair in asked[0]]


def test_each_way_of_reading_takes_the_others_cursor_for_lost(connect: Connect) -> None:
    tracked, plain = connect(), connect(without_change_tracking=[ORDERS.name])
    _, one = changes(tracked, ORDERS)
    _, other = changes(plain, ORDERS)
    with pytest.raises(hub.CursorLost):
        changes(plain, ORDERS, one)
    with pytest.raises(hub.CursorLost):
        changes(tracked, ORDERS, other)


def test_our_user_must_read_the_whole_organisation(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    field.mutate({"do": "grant", "stream": ORDERS.name, "on": False})
    with pytest.raises(hub.AuthFailed, match="prvReadmsdyn_workorder"):
        changes(spoke, ORDERS)
