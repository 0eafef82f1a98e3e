"""What both sides changed, through the admin API: listed, looked at, decided."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from hub.store import conflicts
from hub.store.conflicts import Conflict
from tests.databases import locked
from tests.web.conftest import House

PATH = "/admin/api/conflicts"
CASE = "c" * 32


def conflict(number: int = 1, field: str = "short_description", **more: Any) -> Conflict:
    told = {"base": "Till", "ours": "Ours", "theirs": "Theirs", "stayed": "both"} | more
    return Conflict(
        connection="acme", stream="work_orders", external_id=f"w{number}",
        table="sn_customerservice_case", sys_id=CASE, field=field, policy="manual",
        place="cases.yaml:7", version="v1", job="poll/1", found_at=1.0, **told,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def _kept(house: House) -> None:
    house.keep("case", sys_id=CASE, number="CS1", short_description="Ours", priority="4")
    keep(house, conflict())


def keep(house: House, *told: Conflict) -> None:
    with house.db.write() as tx:
        conflicts.save(tx, told)


def subject(house: House) -> Any:
    return house.rows("SELECT short_description FROM sn_customerservice_case")[0][0]


def test_they_are_listed_with_both_values(client: httpx.Client) -> None:
    listed = client.get(PATH).json()
    [one] = listed["conflicts"]
    assert (one["id"], one["field"], one["ours"], one["theirs"]) == (
        1, "short_description", "Ours", "Theirs",
    )  # fmt: skip
    assert listed["open"] == {"acme": 1}
    assert client.get(PATH, params={"connection": "crm"}).json()["conflicts"] == []
    assert client.get(PATH, params={"resolved": True}).json()["conflicts"] == []
    assert client.get(f"{PATH}/1").json() == one


def test_status_counts_those_that_are_open(client: httpx.Client) -> None:
    told = {one["connection"]: one for one in client.get("/admin/api/status").json()["connections"]}
    assert (told["acme"]["conflicts"], told["deaf"]["conflicts"]) == (1, 0)


@pytest.mark.parametrize(
    ("wish", "value", "how"),
    [
        ({"take": "theirs"}, "Theirs", "theirs"),
        ({"take": "ours"}, "Ours", "ours"),
        ({"value": "Third"}, "Third", "value"),
        ({"value": None}, None, "value"),
    ],
)
def test_one_is_decided_and_who_did_is_kept(
    house: House, client: httpx.Client, wish: dict[str, Any], value: str | None, how: str
) -> None:
    told = client.post(f"{PATH}/1", json=wish)
    assert told.status_code == 200
    assert told.json() == {
        "number": 1, "field": "short_description", "value": value, "told": [], "gone": False,
    }  # fmt: skip
    assert subject(house) == value
    assert client.get(PATH).json() == {"conflicts": [], "open": {}}
    [one] = client.get(PATH, params={"resolved": True}).json()["conflicts"]
    assert (one["resolved_by"], one["resolved_how"]) == ("ada", how)
    [(user, reason)] = house.rows('SELECT "user", reason FROM sys_audit')
    assert (user, reason) == ("ada", f"conflict 1: took {how}")


def test_all_of_a_field_are_decided_at_once(house: House, client: httpx.Client) -> None:
    keep(house, conflict(2, "priority", ours="4", theirs="2"), conflict(3, "description"))
    wish = {"connection": "acme", "stream": "work_orders", "field": "priority", "take": "theirs"}
    assert client.post(PATH, json=wish).json() == {"decided": 1, "more": False}
    assert [one["id"] for one in client.get(PATH).json()["conflicts"]] == [3, 1]
    assert client.post(PATH, json={"connection": "acme", "take": "theirs"}).json() == {
        "decided": 2, "more": False,
    }  # fmt: skip
    assert subject(house) == "Theirs"


def test_a_record_that_is_gone_has_no_conflict_any_more(house: House, client: httpx.Client) -> None:
    with house.db.write() as tx:
        tx.exec_driver_sql("DELETE FROM sn_customerservice_case")
    assert client.post(f"{PATH}/1", json={"take": "theirs"}).json()["gone"] is True
    assert client.get(f"{PATH}/1").json()["resolved_how"] == "gone"


@pytest.mark.parametrize("path", [f"{PATH}/7", f"{PATH}/{2**63 - 1}"])
def test_a_number_that_nobody_has_is_not_found(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404
    assert client.post(path, json={"take": "ours"}).status_code == 404


@pytest.mark.parametrize("number", ["0", "x", str(2**63)])
def test_a_number_that_is_none_is_refused(client: httpx.Client, number: str) -> None:
    assert client.get(f"{PATH}/{number}").status_code == 400


@pytest.mark.parametrize(
    ("path", "wish", "field"),
    [
        (f"{PATH}/1", {}, "take"),
        (f"{PATH}/1", {"take": "mine"}, "take"),
        (f"{PATH}/1", {"take": ["ours"]}, "take"),
        (f"{PATH}/1", {"take": "ours", "value": 1}, "take"),
        (f"{PATH}/1", {"take": "ours", "stream": "x"}, "stream"),
        (f"{PATH}/1", {"value": 7}, "short_description"),
        (f"{PATH}/1", {"value": "a\0b"}, "short_description"),
        (PATH, {"take": "ours"}, "connection"),
        (PATH, {"take": "ours", "connection": ""}, "connection"),
        (PATH, {"take": "ours", "connection": "acme", "field": 1}, "field"),
        (PATH, {"take": "ours", "connection": "acme", "stream": "a\0"}, "stream"),
        (PATH, {"value": "x", "connection": "acme"}, "value"),
    ],
)
def test_a_wish_that_does_not_fit_decides_nothing_and_names_the_member(
    house: House, client: httpx.Client, path: str, wish: dict[str, Any], field: str
) -> None:
    told = client.post(path, json=wish)
    assert told.status_code == 422
    assert field in [fault["field"] for fault in told.json()["faults"]]
    assert len(client.get(PATH).json()["conflicts"]) == 1
    assert house.count("sys_audit") == 0


def test_a_name_that_no_database_can_look_for_is_refused(client: httpx.Client) -> None:
    assert client.get(PATH, params={"connection": "a\0b"}).status_code == 400
    assert client.get(PATH, params={"connection": "x" * 300}).status_code == 400


def test_while_nobody_can_write_nothing_is_decided_and_looking_goes_on(
    house: House, client: httpx.Client
) -> None:
    with locked(house.db):
        assert client.post(f"{PATH}/1", json={"take": "ours"}).status_code == 503
        assert len(client.get(PATH).json()["conflicts"]) == 1
