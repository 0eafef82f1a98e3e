"""Very many dead letters, revived through the admin API: foreseen, begun, followed, cancelled."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlalchemy import insert

from hub.queue import Lane, Worker
from hub.store import dead
from hub.store.dead import DeadRecord
from hub.store.work import dead_jobs
from tests.databases import locked
from tests.web.conftest import House

PATH = "/admin/api/revivals"


@pytest.fixture(autouse=True)
def _dead(house: House) -> None:
    rows = [
        {
            "lane": int(Lane.PUSH), "kind": "push", "key": f"{reason}/{number}",
            "connection": "acme", "payload": {}, "put_at": 1.0, "died_at": 2.0, "attempt": 12,
            "reason": reason, "error": "no",
        }
        for reason, many in (("exhausted", 25), ("refused", 5))
        for number in range(many)
    ]  # fmt: skip
    with house.db.write() as tx:
        tx.execute(insert(dead_jobs), rows)


def work(house: House) -> list[str]:
    """What a worker does until the clock moves on; the keys of what it ran."""
    ran: list[str] = []
    handlers = {"push": lambda job: ran.append(job.key)}
    Worker(db=house.db, handlers=handlers, threads=1, clock=house.clock).run_until_idle()
    return ran


def begin(client: httpx.Client, **wish: Any) -> httpx.Response:
    return client.post(PATH, json=wish)


def test_one_is_begun_followed_and_done_at_its_rate(house: House, client: httpx.Client) -> None:
    begun = begin(client, connection="acme", reason="exhausted", rate=20)
    assert (begun.status_code, begun.json()) == (202, {"number": 1, "foreseen": 25})
    assert len(work(house)) == 20
    [shown] = client.get(PATH).json()["revivals"]
    assert shown["which"]["reason"] == "exhausted"
    assert (shown["id"], shown["by"], shown["rate"]) == (1, "ada", 20.0)
    assert (shown["foreseen"], shown["revived"], shown["ended_at"]) == (25, 20, None)
    house.clock.now += 1
    assert len(work(house)) == 5
    [shown] = client.get(PATH).json()["revivals"]
    assert (shown["revived"], shown["ended_at"]) == (25, house.clock.now)
    assert house.count("hub_dead_job") == 5, "what was not meant is still there"


def test_one_is_cancelled_once_and_by_whom_is_kept(house: House, client: httpx.Client) -> None:
    begin(client, rate=10)
    work(house)
    cancelled = client.delete(f"{PATH}/1")
    assert (cancelled.status_code, cancelled.json()) == (200, {"number": 1, "cancelled_by": "ada"})
    house.clock.now += 1
    assert work(house) == []
    assert house.count("hub_dead_job") == 20
    assert client.get(PATH).json()["revivals"][0]["cancelled_by"] == "ada"
    again = client.delete(f"{PATH}/1")
    assert again.status_code == 404
    assert again.json()["detail"] == "No revival 1 is going on."


def test_a_dry_run_only_counts(house: House, client: httpx.Client) -> None:
    told = begin(client, reason="refused", dry_run=True)
    assert (told.status_code, told.json()) == (200, {"number": None, "foreseen": 5})
    assert house.count("hub_revival") == house.count("hub_job") == 0


def test_nothing_begins_where_nothing_is_dead(house: House, client: httpx.Client) -> None:
    told = begin(client, connection="acne")
    assert told.status_code == 404
    assert told.json()["next_step"] == "GET /admin/api/dead shows what is dead."
    assert house.count("hub_revival") == house.count("hub_job") == 0


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"rate": 0}, "rate"),
        ({"rate": 10_001}, "rate"),
        ({"rate": "fast"}, "rate"),
        ({"rate": True}, "rate"),
        ({"rate": None}, "rate"),
        ({"reason": ""}, "reason"),
        ({"reason": ["refused"]}, "reason"),
        ({"key": "a\0b"}, "key"),
        ({"kind": "x" * 301}, "kind"),
        ({"connection": None}, "connection"),
        ({"dry_run": 1}, "dry_run"),
        ({"conection": "acme"}, "conection"),
    ],
)
def test_a_wish_that_does_not_fit_begins_nothing_and_names_the_member(
    house: House, client: httpx.Client, wish: dict[str, Any], field: str
) -> None:
    told = client.post(PATH, json={"reason": "refused", **wish})
    assert told.status_code == 422
    [fault] = told.json()["faults"]
    assert fault["field"] == field
    assert house.count("hub_revival") == house.count("hub_job") == 0


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b'{"reason": "' + b"x" * 300_000 + b'"}', "application/json", 413),
    ],
)
def test_a_body_that_is_no_wish_is_refused(
    house: House, client: httpx.Client, content: bytes, kind: str, status: int
) -> None:
    told = client.post(PATH, content=content, headers={"content-type": kind})
    assert told.status_code == status
    assert told.headers["content-type"] == "application/problem+json"
    assert house.count("hub_revival") == 0


@pytest.mark.parametrize("number", ["0", "x", str(2**63)])
def test_a_number_that_is_none_is_refused(client: httpx.Client, number: str) -> None:
    assert client.delete(f"{PATH}/{number}").status_code == 400


def test_while_nobody_can_write_nothing_begins_and_following_goes_on(
    house: House, client: httpx.Client
) -> None:
    with locked(house.db):
        told = begin(client, reason="refused")
        assert (told.status_code, told.headers["retry-after"]) == (503, "10")
        assert client.get(PATH).json() == {"revivals": []}


def test_dead_records_are_grouped_and_revived_as_well(house: House, client: httpx.Client) -> None:
    buried = [
        DeadRecord(
            "acme", "work_orders", f"wo_{n}", raw=b"{}", error="bad",
            faults=[{"place": "x.yaml:3", "field": field, "reason": f"no value for '{n}'"}],
        )
        for n, field in enumerate(("state", "state", "priority"))
    ]  # fmt: skip
    with house.db.write() as tx:
        dead.save(tx, buried, now=1.0)
    path = "/admin/api/dead/groups?connection=acme&stream=work_orders"
    largest, other = client.get(path).json()["groups"]
    assert (largest["count"], largest["place"], largest["field"]) == (2, "x.yaml:3", "state")
    assert [sample[1] for sample in largest["samples"]] == ["wo_1", "wo_0"]
    assert other["reason"] == "no value for …"
    assert client.get("/admin/api/dead/groups?connection=acne").json() == {"groups": []}
    listed = client.get("/admin/api/dead?connection=acme").json()["records"]
    assert {one["group"] for one in listed} == {largest["group"], other["group"]}

    foreseen = begin(client, what="records", group=largest["group"], dry_run=True)
    assert foreseen.json() == {"number": None, "foreseen": 2}
    begun = begin(client, what="records", field="state", reason="no value", rate=20)
    assert (begun.status_code, begun.json()["foreseen"]) == (202, 2)
    [shown] = client.get(PATH).json()["revivals"]
    assert (shown["what"], shown["which"]["field"], shown["by"]) == ("records", "state", "ada")
    nothing = begin(client, what="records", group="g00000000")
    assert nothing.json()["detail"] == "No dead record is like that."


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"what": "letters"}, "what"),
        ({"what": ["records"]}, "what"),
        ({"what": "records", "kind": "push"}, "kind"),
        ({"what": "records", "group": ""}, "group"),
        ({"what": "records", "value": "a\0b"}, "value"),
        ({"what": "records", "made_by": "x"}, "made_by"),
        ({"group": "g00000000"}, "group"),
    ],
)
def test_a_wish_for_records_has_properties_of_records(
    house: House, client: httpx.Client, wish: dict[str, Any], field: str
) -> None:
    told = client.post(PATH, json=wish)
    assert told.status_code == 422
    assert [fault["field"] for fault in told.json()["faults"]] == [field]
    assert house.count("hub_revival") == 0
