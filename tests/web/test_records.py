"""Records over HTTP: found, read, changed; and what is said when that is not possible."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import orjson
import pytest

from hub.store import dead, links
from hub.store.dead import DeadRecord
from hub.store.links import Link
from tests.databases import locked
from tests.web.conftest import START, House

DEEP = orjson.loads("[" * 900 + "]" * 900)
CASES = "/admin/api/records/case"
ONE = f"{CASES}/CS0001001"


@pytest.fixture
def case(house: House) -> dict[str, Any]:
    house.keep("account", sys_id="a" * 32, number="ACCT0000001", name="Acme Stores")
    return house.keep(
        "case",
        sys_id="c" * 32,
        number="CS0001001",
        short_description="Cooler drips",
        state="1",
        account="a" * 32,
        hub_custom={"u_region": "North"},
    )


def cases(house: House, count: int) -> None:
    for n in range(count):
        house.keep(
            "case",
            sys_id=f"{n:032x}",
            number=f"CS{n:07}",
            state="10" if n % 2 else "1",
            active=n % 3 != 0,
            sys_updated_on=START + timedelta(seconds=n // 4),
        )


# -- looking for records


def test_pages_follow_each_other_newest_first_without_gap_or_repetition(
    house: House, client: httpx.Client
) -> None:
    cases(house, 23)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        params: dict[str, str | int] = {"limit": 5, "cursor": cursor}
        answer = client.get(CASES, params=params).json()
        assert len(answer["records"]) <= 5
        seen += [record["number"] for record in answer["records"]]
        cursor = answer["next"]
    assert seen == [f"CS{n:07}" for n in reversed(range(23))]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=open", [1, 3, 5, 7]),
        ("state=10", [1, 3, 5, 7]),
        ("state=new&state=open&active=false", [0, 3, 6]),
        ("active=true&state=new", [2, 4]),
        ("number=CS0000004", [4]),
        ("sys_updated_on=2026-05-01T12:00:01Z", [4, 5, 6, 7]),
        ("sys_updated_on=2026-05-01T14:00:01%2B02:00&state=new", [4, 6]),
        ("account=", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("u_region=North", []),
        ("u_region=", [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_records_are_found_by_the_values_of_their_fields(
    house: House, client: httpx.Client, query: str, found: list[int]
) -> None:
    cases(house, 8)
    records = client.get(f"{CASES}?{query}").json()["records"]
    assert sorted(record["number"] for record in records) == [f"CS{n:07}" for n in found]


def test_a_reference_is_found_by_number_and_a_custom_field_by_name(
    client: httpx.Client, case: dict[str, Any]
) -> None:
    for query in ("account=ACCT0000001", f"account={'a' * 32}", "u_region=North"):
        [record] = client.get(f"{CASES}?{query}").json()["records"]
        assert record["sys_id"] == case["sys_id"]
        assert record["u_region"] == "North"
        assert "hub_custom" not in record


def test_a_query_that_makes_no_sense_is_answered_with_every_fault(client: httpx.Client) -> None:
    answer = client.get(f"{CASES}?stat=open&state=opne&active=maybe&comments=x&account=nobody")
    assert answer.status_code == 400
    reasons = {fault["field"]: fault["reason"] for fault in answer.json()["faults"]}
    assert reasons["stat"].endswith("did you mean 'state'?")
    assert reasons["state"].startswith("did you mean 'open'?")
    assert reasons["active"] == "true or false is expected"
    assert reasons["comments"] == "a field of kind journal cannot be searched"
    assert "customer_account" in reasons["account"]


@pytest.mark.parametrize("limit", ["0", "201", "ten", "-1"])
def test_a_page_has_at_most_two_hundred_records(client: httpx.Client, limit: str) -> None:
    answer = client.get(CASES, params={"limit": limit})
    assert answer.status_code == 400
    assert answer.json()["faults"][0]["field"] == "limit"


@pytest.mark.parametrize("cursor", ["x", "!!!", "W10", "WzEsMl0", "bnVsbA", "WyIyMDI2Iiw1XQ"])
def test_a_cursor_that_is_not_ours_is_refused(client: httpx.Client, cursor: str) -> None:
    answer = client.get(CASES, params={"cursor": cursor})
    assert (answer.status_code, answer.json()["detail"]) == (400, "This cursor is not one of ours.")


@pytest.mark.parametrize(
    ("table", "told"),
    [("cas", "did you mean 'case'?"), ("journal", "is no table of records"), ("hub_token", "")],
)
def test_an_unknown_table_is_not_found(client: httpx.Client, table: str, told: str) -> None:
    answer = client.get(f"/admin/api/records/{table}")
    assert answer.status_code == 404
    assert told in answer.json()["detail"]


# -- reading one


def test_a_record_comes_with_its_links_its_journal_and_its_audit(
    house: House, client: httpx.Client, case: dict[str, Any]
) -> None:
    link = Link("acme", "work_orders", "sn_customerservice_case", "wo_1", case["sys_id"], "7")
    with house.db.write() as tx:
        links.save(tx, [link], now=1.0)
    assert client.patch(ONE, json={"impact": "high", "comments": "Hello"}).status_code == 200
    for path in (ONE, f"/admin/api/records/sn_customerservice_case/{case['sys_id']}"):
        shown = client.get(path).json()
        assert shown["record"]["number"] == "CS0001001"
        assert shown["record"]["sys_created_on"] == "2026-05-01T12:00:00Z"
        assert shown["display"]["state"] == "New"
        assert shown["display"]["account"] == "Acme Stores"
        assert [one["external_id"] for one in shown["links"]] == ["wo_1"]
        assert [note["value"] for note in shown["journal"]] == ["Hello"]
        audit = {entry["fieldname"]: entry for entry in shown["audit"]}
        assert (audit["impact"]["oldvalue"], audit["impact"]["newvalue"]) == ("3", "1")
        assert audit["impact"]["user"] == "ada"


def test_money_is_exact_text(house: House, client: httpx.Client) -> None:
    amount = Decimal("12345678901.2345")
    house.keep("order", sys_id="b" * 32, number="ORD0001001", total_amount=amount)
    record = client.get("/admin/api/records/order/ORD0001001").json()["record"]
    assert record["total_amount"] == "12345678901.2345"


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_a_record_that_is_not_there_is_not_found(client: httpx.Client, method: str) -> None:
    answer = client.request(method, f"{CASES}/CS9999999", json={})
    assert answer.status_code == 404
    assert "'CS9999999'" in answer.json()["detail"]


# -- changing one


def test_a_change_is_stored_and_shown_as_it_now_is(
    client: httpx.Client, case: dict[str, Any]
) -> None:
    values = {"short_description": "Cooler 𝄞😀", "state": "open", "u_region": "South"}
    answer = client.patch(ONE, json=values)
    assert answer.status_code == 200
    assert answer.headers["etag"] == '"1"'
    record = answer.json()["record"]
    assert (record["short_description"], record["state"]) == ("Cooler 𝄞😀", "10")
    assert (record["u_region"], record["sys_updated_by"]) == ("South", "ada")
    assert client.get(ONE).json()["record"] == record
    assert case["number"] == record["number"]


@pytest.mark.usefixtures("case")
def test_a_change_that_changes_nothing_leaves_no_trace(house: House, client: httpx.Client) -> None:
    answer = client.patch(ONE, json={"short_description": "Cooler drips", "state": 1})
    assert (answer.status_code, answer.headers["etag"]) == (200, '"0"')
    assert house.count("sys_audit") == 0


@pytest.mark.usefixtures("case")
def test_values_that_do_not_fit_are_told_all_at_once_and_nothing_changes(
    house: House, client: httpx.Client
) -> None:
    values = {
        "short_descriptoin": "x",
        "short_description": "a\x00b",
        "description": "x" * 4001,
        "state": "opne",
        "impact": ["1"],
        "active": "yes",
        "opened_at": "2026-05-01 12:00",
        "reopen_count": 1.5,
        "account": "ACCT9999999",
        "assigned_to": 7,
        "sys_created_by": "eve",
        "number": "CS0000001",
        "work_notes": {"text": "x"},
        "u_Region": "x",
    }
    answer = client.patch(ONE, json={**values, "close_notes": "fine"})
    assert answer.status_code == 422
    faults = {fault["field"]: fault for fault in answer.json()["faults"]}
    assert faults.keys() == values.keys()
    assert faults["short_descriptoin"]["reason"].endswith("did you mean 'short_description'?")
    assert faults["opened_at"]["reason"].startswith("a time with its offset")
    assert faults["description"]["reason"].startswith("at most 4000 characters")
    assert all(len(fault["value"]) < 100 for fault in faults.values())
    assert house.rows("SELECT close_notes, sys_mod_count FROM sn_customerservice_case") == [
        (None, 0)
    ]


@pytest.mark.usefixtures("case")
def test_a_step_that_the_rules_forbid_is_refused_with_what_is_allowed(
    client: httpx.Client,
) -> None:
    answer = client.patch(ONE, json={"state": "resolved"})
    assert answer.status_code == 422
    assert "allowed: " in answer.json()["detail"]
    assert answer.json()["faults"][0]["field"] == "state"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b'{"state": ', id="cut off"),
        pytest.param(b'{"state": "\xff"}', id="not UTF-8"),
        pytest.param(b'{"state": "\\ud800"}', id="half a character"),
        pytest.param(b'{"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", id="10,000 arrays"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(b"", id="nothing"),
    ],
)
@pytest.mark.usefixtures("case")
def test_a_body_that_is_no_json_object_is_refused_with_the_place(
    client: httpx.Client, content: bytes
) -> None:
    headers = {"content-type": "application/json"}
    answer = client.patch(ONE, content=content, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("The body is ")


@pytest.mark.usefixtures("case")
def test_only_json_of_bearable_size_is_read(client: httpx.Client) -> None:
    assert client.patch(ONE, content=b"state=open").status_code == 415
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert client.patch(ONE, content=b"state=open", headers=form).status_code == 415
    large = b'{"description": "' + b"x" * 10 * 1024 * 1024 + b'"}'
    headers = {"content-type": "application/json"}
    assert client.patch(ONE, content=large, headers=headers).status_code == 413


@pytest.mark.parametrize(
    ("headers", "extra", "status"),
    [
        ({"If-Match": '"0"'}, {}, 200),
        ({"If-Match": "0"}, {}, 200),
        ({"If-Match": "*"}, {}, 200),
        ({}, {"sys_mod_count": 0}, 200),
        ({"If-Match": '"3"'}, {}, 409),
        ({}, {"sys_mod_count": 3}, 409),
        ({"If-Match": "abc"}, {}, 422),
        ({}, {"sys_mod_count": "0"}, 422),
        ({}, {"sys_mod_count": True}, 422),
        ({}, {"sys_mod_count": DEEP}, 422),
        ({}, {"comments": DEEP}, 422),
    ],
)
@pytest.mark.usefixtures("case")
def test_who_says_what_they_have_read_never_overwrites_another(
    house: House, client: httpx.Client, headers: dict[str, str], extra: dict[str, Any], status: int
) -> None:
    answer = client.patch(ONE, json={"urgency": "1", **extra}, headers=headers)
    assert answer.status_code == status
    counts = house.rows("SELECT sys_mod_count FROM sn_customerservice_case")
    assert counts == [(1 if status == 200 else 0,)]


def test_values_that_another_record_has_already_are_refused(
    house: House, client: httpx.Client
) -> None:
    house.keep("order", sys_id="b" * 32, number="ORD0001001")
    for n in (1, 2):
        house.keep(
            "order_line", sys_id=str(n) * 32, number=f"ORDL{n}", order="b" * 32, external_id=str(n)
        )
    answer = client.patch("/admin/api/records/order_line/ORDL2", json={"external_id": "1"})
    assert answer.status_code == 422
    assert "another record has these values" in answer.json()["detail"]


@pytest.mark.usefixtures("case")
def test_a_change_during_an_outage_is_refused_whole_and_reading_goes_on(
    house: House, client: httpx.Client
) -> None:
    with locked(house.db):
        answer = client.patch(ONE, json={"state": "open", "comments": "x"})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
        assert client.get(ONE).json()["record"]["state"] == "1"
    assert client.patch(ONE, json={"state": "open"}).status_code == 200
    assert house.count("sys_journal_field") == 0


def test_dead_letters_are_listed_with_their_faults(house: House, client: httpx.Client) -> None:
    fault = {"place": "mappings/acme/x.yaml:3", "field": "state", "reason": "no value for 'zombie'"}
    buried = DeadRecord(
        "acme", "work_orders", "wo_1", raw=b'{"id": 1}', faults=[fault], error="bad"
    )
    with house.db.write() as tx:
        dead.save(tx, [buried], now=1.0)
    [record] = client.get("/admin/api/dead").json()["records"]
    assert (record["external_id"], record["faults"]) == ("wo_1", [fault])
    assert "raw" not in record
    assert client.get("/admin/api/dead?connection=bearer").json() == {"records": [], "jobs": []}


@pytest.mark.parametrize("path", [f"{CASES}/a%00b", "/admin/api/dead?connection=a%00b"])
def test_an_address_with_a_nul_is_refused(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 400
    assert answer.json()["next_step"] == "Leave it out."
