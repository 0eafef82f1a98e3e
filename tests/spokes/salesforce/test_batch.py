"""Many writes in one composite request: each its own outcome, and nobody else's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

import hub
from hub.testing import Fault
from spokes.salesforce.sandbox import SalesforceSandbox
from spokes.salesforce.sandbox.tables import stamp
from spokes.salesforce.spoke import Salesforce
from tests.spokes.salesforce.conftest import CASE, COMMENT, Connect, asked, settle

TILL = {"Subject": "Till 4 does not start", "Status": "New", "Origin": "Phone"}
WHOLE = "/composite$"


def new(number: int, **data: Any) -> hub.Write:
    return hub.Write(None, TILL | data, key=f"key-{number:03}")


def cases(org: SalesforceSandbox) -> list[str]:
    return [id for id, row in org.tables["Case"].rows.items() if not row["IsDeleted"]]


def subject(org: SalesforceSandbox, id: str) -> str:
    return str(org.tables["Case"].rows[id]["Subject"])


def made(org: SalesforceSandbox) -> list[str]:
    """The keys of ours that cases over there have, sorted."""
    rows = org.tables["Case"].rows.values()
    return sorted(row["Hub_Id__c"] for row in rows if row["Hub_Id__c"])


def told(outcomes: Sequence[hub.Receipt | hub.SyncError]) -> list[str]:
    return [type(outcome).__name__ for outcome in outcomes]


def test_each_write_has_the_outcome_that_it_would_have_alone(
    org: SalesforceSandbox, spoke: Salesforce
) -> None:
    stale, gone, fine, *_ = cases(org)
    seen = stamp(org.clock.now())
    settle(org)
    org.mutate({"do": "update", "stream": "Case", "id": stale, "data": {"Subject": "Theirs"}})
    org.mutate({"do": "delete", "stream": "Case", "id": gone})
    writes = [
        new(1),
        hub.Write(stale, {"Subject": "Ours"}, "k", version=seen),
        hub.Write(gone, {"Subject": "Ours"}, "k"),
        new(2, Subject="x" * 256),
        hub.Write("not an id", {"Subject": "Ours"}, "k"),
        hub.Write(fine[:15], {"Subject": "Ours"}, "k", version=stamp(org.clock.now())),
    ]
    outcomes = spoke.upsert_many(CASE, writes)
    assert told(outcomes) == ["Receipt", "Conflict", "NotFound", "Permanent", "NotFound", "Receipt"]
    assert isinstance(outcomes[0], hub.Receipt)
    assert org.tables["Case"].rows[outcomes[0].id]["Hub_Id__c"] == "key-001"
    assert outcomes[5] == hub.Receipt(fine)
    assert (subject(org, stale), subject(org, fine)) == ("Theirs", "Ours")
    for write, outcome in zip(writes[1:5], outcomes[1:5], strict=True):
        with pytest.raises(hub.SyncError) as alone:
            spoke.upsert(CASE, write)
        assert (type(alone.value), str(alone.value)) == (type(outcome), str(outcome))


def test_twenty_five_writes_are_one_call_and_twenty_five_requests(
    org: SalesforceSandbox, spoke: Salesforce
) -> None:
    org.sessions.expire()  # they are asked for a token, whatever comes next
    outcomes = spoke.upsert_many(CASE, [new(n) for n in range(Salesforce.at_once)])
    assert told(outcomes) == ["Receipt"] * 25
    assert made(org) == [f"key-{n:03}" for n in range(25)]
    assert org.used == 1
    assert spoke.usage is not None
    assert spoke.usage.used == 1
    assert asked(org, "/composite") == 1
    parts = org.journal.of("Hub_Id__c", "PATCH")
    assert [part.status for part in parts] == [201] * 25
    assert all(part.headers["sforce-auto-assign"] == "FALSE" for part in parts)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "REQUEST_LIMIT_EXCEEDED", hub.RateLimited),
        (400, "UNABLE_TO_LOCK_ROW", hub.Transient),
        (503, "SERVER_UNAVAILABLE", hub.Transient),
        (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", hub.Permanent),
        (400, "DUPLICATE_VALUE", hub.Conflict),
    ],
)
def test_what_fails_inside_a_good_answer_fails_alone(
    org: SalesforceSandbox, spoke: Salesforce, status: int, code: str, expected: type[Exception]
) -> None:
    body = [{"errorCode": code, "message": "TotalRequests Limit exceeded."}]
    org.faults.add(Fault(path="key-001", status=status, body=body))
    outcomes = spoke.upsert_many(CASE, [new(n) for n in range(3)])
    assert told(outcomes) == ["Receipt", expected.__name__, "Receipt"]
    assert made(org) == ["key-000", "key-002"]


def test_a_batch_whose_answer_is_lost_is_repeated_without_a_second_record(
    org: SalesforceSandbox, spoke: Salesforce
) -> None:
    writes = [new(n) for n in range(10)]
    org.faults.add(Fault(path=WHOLE, drop="after"))
    with pytest.raises(hub.Transient):
        spoke.upsert_many(CASE, writes)
    assert [entry.status for entry in org.journal.of("key-")] == [None] * 10
    assert told(spoke.upsert_many(CASE, writes)) == ["Receipt"] * 10
    assert made(org) == [f"key-{n:03}" for n in range(10)]


def test_a_part_that_breaks_off_is_repeated_without_a_second_record(
    org: SalesforceSandbox, spoke: Salesforce
) -> None:
    org.faults.add(Fault(path="key-001", drop="after"))
    first = spoke.upsert_many(CASE, [new(0), new(1)])
    assert told(first) == ["Receipt", "Transient"]
    assert made(org) == ["key-000", "key-001"]
    second = spoke.upsert_many(CASE, [new(1)])
    assert (told(second), made(org)) == (["Receipt"], ["key-000", "key-001"])


def test_a_text_that_would_refer_to_another_answer_arrives_as_it_is(
    org: SalesforceSandbox, spoke: Salesforce
) -> None:
    """A customer's words must not become a formula: see the sandbox's test of references."""
    texts = ["Till 1", "the label says @{w0.id}", "Till 3", "@{nothing}", '"@{" is a bracket']
    writes = [new(n, Subject=text) for n, text in enumerate(texts)]
    outcomes = spoke.upsert_many(CASE, writes)
    assert [subject(org, one.id) for one in outcomes if isinstance(one, hub.Receipt)] == texts
    assert len(org.journal.of(WHOLE)) == 1


def test_comments_which_have_no_key_of_ours_are_inserted_together(
    org: SalesforceSandbox, spoke: Salesforce
) -> None:
    case = cases(org)[0]
    said = [{"ParentId": case, "CommentBody": f"{n}", "IsPublished": False} for n in range(3)]
    outcomes = spoke.upsert_many(COMMENT, [hub.Write(None, one, "k") for one in said])
    rows = org.tables["CaseComment"].rows
    assert [rows[one.id]["CommentBody"] for one in outcomes if isinstance(one, hub.Receipt)] == [
        "0", "1", "2"
    ]  # fmt: skip


def test_an_org_without_the_external_id_field_says_so_of_each(
    org: SalesforceSandbox, spoke: Salesforce
) -> None:
    org.mutate({"do": "hide", "stream": "Case", "field": "Hub_Id__c"})
    outcomes = spoke.upsert_many(CASE, [new(1), new(2)])
    assert [type(outcome) for outcome in outcomes] == [hub.Permanent] * 2  # not that it is gone
    assert "is not an external id" in str(outcomes[0])


def test_a_limit_met_by_one_that_goes_alone_is_not_tried_again_for_the_next(
    org: SalesforceSandbox, spoke: Salesforce
) -> None:
    org.faults.add(Fault(path="key-", contains="@{", status=429, times=None))
    writes = [new(n, Subject="@{") for n in range(20)]
    outcomes = spoke.upsert_many(CASE, [*writes, new(20)])
    assert told(outcomes) == ["RateLimited"] * 20 + ["Receipt"]
    assert len(org.journal.of("key-")) == 2


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "REQUEST_LIMIT_EXCEEDED", hub.RateLimited),
        (401, "INVALID_AUTH_HEADER", hub.AuthFailed),
        (503, "SERVER_UNAVAILABLE", hub.Transient),
        (400, "INVALID_INPUT", hub.Permanent),  # the hub sends each of them alone then
    ],
)
def test_what_concerns_the_whole_is_raised(
    org: SalesforceSandbox, spoke: Salesforce, status: int, code: str, expected: type[Exception]
) -> None:
    body = [{"errorCode": code, "message": "no"}]
    org.faults.add(Fault(path=WHOLE, status=status, body=body, times=None))
    with pytest.raises(expected):
        spoke.upsert_many(CASE, [new(0), new(1)])
    assert made(org) == []


def good(*references: str) -> dict[str, Any]:
    body = {"id": "5005g000000f1TaAAI", "success": True}
    return {
        "compositeResponse": [
            {"body": body, "httpHeaders": {}, "httpStatusCode": 201, "referenceId": one}
            for one in references
        ]
    }


@pytest.mark.parametrize(
    "body",
    [
        good("w0"),
        good("w0", "w1", "w2"),
        good("w0", "w0"),
        good("w0", "w7"),
        good("w1", "W0"),
        {"compositeResponse": []},
        {"compositeResponse": None},
        {"compositeResponse": [1, 2]},
        {"compositeResponse": [{"referenceId": "w0"}, {"referenceId": "w1"}]},
        {"compositeResponse": [{**one, "httpStatusCode": "201"} for one in good("w0", "w1")["compositeResponse"]]},
        {"compositeResponse": [{**one, "httpStatusCode": 0} for one in good("w0", "w1")["compositeResponse"]]},
        [],
        {},
        "<html>We are sorry</html>",
        orjson.dumps(good("w0", "w1"))[:-30],
    ],
    ids=str,
)  # fmt: skip
def test_an_answer_to_something_else_is_nobodys_receipt(
    org: SalesforceSandbox, spoke: Salesforce, body: Any
) -> None:
    org.faults.add(Fault(path=WHOLE, status=200, body=body))
    with pytest.raises(hub.Transient, match="composite: "):
        spoke.upsert_many(CASE, [new(0), new(1)])


def test_answers_are_told_apart_by_name_and_not_by_place(
    org: SalesforceSandbox, spoke: Salesforce
) -> None:
    body = good("w1", "w0")
    body["compositeResponse"][0] |= {"httpStatusCode": 412, "body": None}
    org.faults.add(Fault(path=WHOLE, status=200, body=body))
    assert told(spoke.upsert_many(CASE, [new(0), new(1)])) == ["Receipt", "Conflict"]


def test_an_odd_header_hides_nobodys_receipt(org: SalesforceSandbox, spoke: Salesforce) -> None:
    body = good("w0", "w1")
    body["compositeResponse"][1]["httpHeaders"] = {"Größe": "1", "Location": "/ä", "ETag": 7}
    org.faults.add(Fault(path=WHOLE, status=200, body=body))
    assert told(spoke.upsert_many(CASE, [new(0), new(1)])) == ["Receipt", "Receipt"]


@pytest.mark.parametrize("body", [None, "ok", [], {}, {"success": True}, {"id": None}])
def test_a_creation_without_an_id_is_asked_for_again(
    org: SalesforceSandbox, spoke: Salesforce, body: Any
) -> None:
    answer = good("w0", "w1")
    answer["compositeResponse"][1]["body"] = body
    org.faults.add(Fault(path=WHOLE, status=200, body=answer))
    assert told(spoke.upsert_many(CASE, [new(0), new(1)])) == ["Receipt", "Transient"]


def test_a_field_that_is_gone_does_not_hide_the_other_outcomes(
    org: SalesforceSandbox, connect: Connect
) -> None:
    org.mutate({"do": "hide", "stream": "Case", "field": "Priority"})
    outcomes = connect().upsert_many(CASE, [new(0, Priority="High"), new(1)])
    assert isinstance(outcomes[0], hub.Permanent)
    assert isinstance(outcomes[1], hub.Receipt)


# -- the sandbox


URL = "/services/data/v66.0/sobjects/Case"


def sub(name: str = "a", **more: Any) -> dict[str, Any]:
    return {"method": "POST", "url": URL, "referenceId": name, "body": TILL} | more


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"compositeRequest": [sub(f"n{n}") for n in range(26)]}, "LIMIT_EXCEEDED"),
        ({"compositeRequest": [sub(), sub()]}, "INVALID_INPUT"),
        ({"compositeRequest": []}, "INVALID_INPUT"),
        ({}, "INVALID_INPUT"),
        ({"compositeRequest": [sub()], "allOrNone": "false"}, "JSON_PARSER_ERROR"),
        ({"compositeRequest": [sub()], "all": False}, "JSON_PARSER_ERROR"),
        ({"compositeRequest": [sub(headers={})]}, "JSON_PARSER_ERROR"),
        ({"compositeRequest": [sub("a-b")]}, "INVALID_INPUT"),
        ({"compositeRequest": [sub("_a")]}, "INVALID_INPUT"),
        ({"compositeRequest": [sub(method="patch")]}, "INVALID_INPUT"),
        ({"compositeRequest": [sub(url="/sobjects/Case")]}, "INVALID_INPUT"),
        ({"compositeRequest": [sub(url="https://evil.test" + URL)]}, "INVALID_INPUT"),
        ({"compositeRequest": [sub(url="/services/data/v66.0/composite")]}, "INVALID_INPUT"),
        ({"compositeRequest": [sub(httpHeaders={"Authorization": "x"})]}, "INVALID_INPUT"),
        ({"compositeRequest": [sub(httpHeaders={"Content-Type": "text/xml"})]}, "INVALID_INPUT"),
        ({"compositeRequest": [sub(httpHeaders={"If-Match": 7})]}, "JSON_PARSER_ERROR"),
        ({"compositeRequest": [
            sub(f"n{n}", method="GET", url="/services/data/v66.0/query?q=x") for n in range(6)
        ]}, "LIMIT_EXCEEDED"),
    ],
)  # fmt: skip
def test_a_malformed_batch_is_refused_whole(
    org: SalesforceSandbox, spoke: Salesforce, said: dict[str, Any], code: str
) -> None:
    before = len(cases(org))
    answer = spoke.http.post("/services/data/v66.0/composite", json=said, check=False)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)
    assert len(cases(org)) == before


def test_their_references_are_filled_in(org: SalesforceSandbox, spoke: Salesforce) -> None:
    parts = [
        sub("first"),
        sub("second", body=TILL | {"Description": "after @{first.id}"}),
        sub("third", body=TILL | {"Description": "@{nobody.id}"}),
    ]
    said = {"allOrNone": False, "compositeRequest": parts}
    answer = spoke.http.post("/services/data/v66.0/composite", json=said)
    first, second, third = answer.json()["compositeResponse"]
    row = org.tables["Case"].rows[second["body"]["id"]]
    assert row["Description"] == f"after {first['body']['id']}"
    assert (third["httpStatusCode"], third["body"][0]["errorCode"]) == (400, "PROCESSING_HALTED")
