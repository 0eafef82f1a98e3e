"""Pulling: everything, in order, once, whatever their clock, tokens and cursors do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest

import hub
from hub.testing import Fault
from spokes.salesforce import soql
from spokes.salesforce.errors import TooLarge
from spokes.salesforce.sandbox import SalesforceSandbox
from spokes.salesforce.spoke import Salesforce
from tests.spokes.salesforce.conftest import ACCOUNT, CASE, CONTACT, Connect, asked, changes, settle


def test_a_full_pull_brings_every_record_oldest_first(
    org: SalesforceSandbox, spoke: Salesforce
) -> None:
    for stream in (ACCOUNT, CONTACT, CASE):
        told, _ = changes(spoke, stream)
        assert {change.id for change in told} == set(org.tables[stream.name].rows)
        keys = [(change.version, change.id) for change in told]
        assert keys == sorted(set(keys))


def test_the_next_pull_brings_only_what_changed(org: SalesforceSandbox, spoke: Salesforce) -> None:
    told, cursor = changes(spoke, CASE)
    settle(org)
    org.mutate({"do": "update", "stream": "Case", "id": told[0].id, "data": {"Priority": "Low"}})
    settle(org)
    again, _ = changes(spoke, CASE, cursor)
    assert [(c.id, c.data and c.data["Priority"]) for c in again] == [(told[0].id, "Low")]


def test_a_thousand_rows_of_one_second_arrive_once(
    org: SalesforceSandbox, connect: Connect
) -> None:
    spoke = connect(page_size=200)
    _, cursor = changes(spoke, CASE)
    settle(org)
    ids = org.mutate({"do": "many", "stream": "Case", "count": 1000, "data": {"Subject": "Flood"}})
    settle(org)
    first = list(islice(spoke.pull(CASE, cursor), 2))
    assert [len(page.changes) for page in first] == [200, 195]
    rest, _ = changes(spoke, CASE, first[-1].cursor)
    told = [change.id for page in first for change in page.changes]
    assert sorted(told + [change.id for change in rest]) == sorted(ids)


def test_a_row_that_commits_late_is_found(org: SalesforceSandbox, spoke: Salesforce) -> None:
    stamped = org.clock.now()
    late = org.mutate(
        {
            "do": "create",
            "stream": "Case",
            "data": {"Subject": "Slow transaction"},
            "at": stamped.isoformat(),
            "visible_at": (stamped + timedelta(minutes=3)).isoformat(),
        }
    )
    org.clock.advance(timedelta(minutes=2))
    told, cursor = changes(spoke, CASE)
    assert late not in {change.id for change in told}
    org.clock.advance(timedelta(minutes=2))
    told, _ = changes(spoke, CASE, cursor)
    assert [change.id for change in told] == [late]


def test_a_row_of_this_very_moment_waits_for_the_next_pull(
    org: SalesforceSandbox, spoke: Salesforce
) -> None:
    fresh = org.mutate({"do": "create", "stream": "Case", "data": {"Subject": "Just now"}})
    told, cursor = changes(spoke, CASE)
    assert fresh not in {change.id for change in told}
    settle(org)
    assert fresh in {change.id for change in changes(spoke, CASE, cursor)[0]}


def test_deleted_restored_and_merged_records(org: SalesforceSandbox, spoke: Salesforce) -> None:
    told, cursor = changes(spoke, CONTACT)
    gone, kept, loser = told[0].id, told[1].id, told[2].id
    settle(org)
    org.mutate({"do": "delete", "stream": "Contact", "id": gone})
    org.mutate({"do": "merge", "stream": "Contact", "id": loser, "into": kept})
    settle(org)
    told, cursor = changes(spoke, CONTACT, cursor)
    data = {change.id: change.data for change in told}
    assert data[gone] is None
    assert data[loser] is None
    assert data[kept] is not None
    org.mutate({"do": "undelete", "stream": "Contact", "id": gone})
    settle(org)
    told, _ = changes(spoke, CONTACT, cursor)
    assert {c.id: c.data is not None for c in told} == {gone: True}


def test_a_token_that_expires_between_batches_is_renewed(
    org: SalesforceSandbox, connect: Connect
) -> None:
    pages = connect(page_size=200).pull(CASE, None)
    told = list(next(pages).changes)
    org.mutate({"do": "expire_tokens"})
    told += [change for page in pages for change in page.changes]
    assert len({change.id for change in told}) == len(told) == 600
    assert asked(org, "/oauth2/token") == 2


def test_an_expired_token_is_renewed_once_by_eight_threads(
    org: SalesforceSandbox, spoke: Salesforce
) -> None:
    ids = [change.id for change in changes(spoke, CASE)[0]][:8]
    org.mutate({"do": "expire_tokens"})
    org.journal.clear()
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda one: next(spoke.fetch(CASE, [one])).id, ids))
    assert found == ids
    assert asked(org, "/oauth2/token") == 1


def test_an_expired_locator_goes_on_from_the_last_row(
    org: SalesforceSandbox, connect: Connect
) -> None:
    told: list[hub.Change] = []
    for page in connect(page_size=200).pull(CASE, None):
        told += page.changes
        org.mutate({"do": "expire_locators"})
    assert len({change.id for change in told}) == len(told) == 600


def test_a_window_too_large_is_halved(org: SalesforceSandbox, spoke: Salesforce) -> None:
    slow = [
        {"message": "Your query request was running for too long.", "errorCode": "QUERY_TIMEOUT"}
    ]
    org.faults.add(Fault(path="queryAll", status=400, body=slow, times=1))
    told, _ = changes(spoke, CASE)
    keys = [(change.version, change.id) for change in told]
    assert keys == sorted(set(keys))
    assert len(keys) == 600
    assert asked(org, "queryAll") == 4  # refused, oldest row, two halves


def test_a_window_that_stays_too_large_is_given_up(
    org: SalesforceSandbox, spoke: Salesforce
) -> None:
    slow = [{"message": "too large", "errorCode": "OPERATION_TOO_LARGE"}]
    _, cursor = changes(spoke, CASE)
    org.clock.advance(timedelta(days=1))
    org.journal.clear()
    org.faults.add(Fault(path="queryAll", status=400, body=slow, times=None))
    with pytest.raises(TooLarge):
        changes(spoke, CASE, cursor)
    assert asked(org, "queryAll") == 7  # a day, and halved six times


def test_a_field_that_becomes_hidden_is_left_out(org: SalesforceSandbox, spoke: Salesforce) -> None:
    told, cursor = changes(spoke, CASE)
    assert told[0].data is not None
    assert "Reason" in told[0].data
    org.mutate({"do": "hide", "stream": "Case", "field": "Reason"})
    org.mutate({"do": "update", "stream": "Case", "id": told[0].id, "data": {"Subject": "x"}})
    settle(org)
    told, _ = changes(spoke, CASE, cursor)
    assert told[0].data is not None
    assert "Reason" not in told[0].data


def test_no_more_is_asked_for_than_the_mappings_want(spoke: Salesforce) -> None:
    wants = (
        "Id",
        "Subject",
        "Account.Name",
        "Account.Nothing__c",
        "Owner.Name",
        "Region__c",
        "X.Y",
    )
    stream = hub.Stream("Case", wants=wants)
    data = changes(spoke, stream)[0][0].data
    assert data is not None
    assert data.keys() - {"attributes"} == {
        "Id", "SystemModstamp", "IsDeleted", "Subject", "Account", "Owner"
    }  # fmt: skip
    assert data["Account"]["Name"].startswith("BrightBasket")
    assert data["Owner"] == {**data["Owner"], "Name": "Hub Integration"}


def test_a_compound_field_comes_whole_when_it_is_wanted(spoke: Salesforce) -> None:
    stream = hub.Stream("Account", wants=("BillingAddress.city",))
    data = changes(spoke, stream)[0][0].data
    assert data is not None
    assert set(data["BillingAddress"]) == {"street", "city", "state", "postalCode", "country"}
    everything = changes(spoke, ACCOUNT)[0][0].data
    assert everything is not None
    assert "BillingAddress" not in everything


@pytest.mark.parametrize(
    "link",
    ["https://evil.example/query/1", "//evil.example/query/1", "@evil.example/query/1", ":1/x"],
)
def test_a_foreign_next_link_is_refused(
    org: SalesforceSandbox, spoke: Salesforce, link: str
) -> None:
    changes(spoke, ACCOUNT)
    body: dict[str, Any] = {"totalSize": 9, "done": False, "nextRecordsUrl": link, "records": []}
    org.faults.add(Fault(path="queryAll", status=200, body=body))
    with pytest.raises(hub.Permanent, match="refused to follow"):
        changes(spoke, ACCOUNT)


TEN, NOON = "2026-05-01T10:00:00Z", "2026-05-01T12:00:00Z"
SAME = rf"(SystemModstamp = {TEN} AND Id > '500\'x')"
AT, BEFORE = datetime(2026, 5, 1, 10, tzinfo=UTC), datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "where"),
    [
        (hub.Window(None, "", BEFORE), f"SystemModstamp < {NOON}"),
        (
            hub.Window(AT, "", BEFORE),
            f"(SystemModstamp > {TEN} OR SystemModstamp = {TEN}) AND SystemModstamp < {NOON}",
        ),
        (
            hub.Window(AT, "500'x", BEFORE),
            f"(SystemModstamp > {TEN} OR {SAME}) AND SystemModstamp < {NOON}",
        ),
    ],
)
def test_a_window_is_asked_for_by_time_and_id(window: hub.Window, where: str) -> None:
    assert soql.changed("Case", window, ["Id", "Subject"]) == (
        f"SELECT Id, Subject FROM Case WHERE {where} ORDER BY SystemModstamp ASC, Id ASC"
    )


def test_a_cursor_of_nobody_is_lost(spoke: Salesforce) -> None:
    with pytest.raises(hub.CursorLost):
        changes(spoke, CASE, "2026-01-01")


def test_the_quota_is_known(spoke: Salesforce) -> None:
    assert spoke.usage is None
    changes(spoke, ACCOUNT)
    assert spoke.usage is not None
    assert (spoke.usage.used, spoke.usage.allowed) == (2, 100_000)
