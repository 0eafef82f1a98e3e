"""What the suite cannot know of Tryton: two stamps, parts of their own, and errors inside a 200."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

import hub
from hub.testing import serve
from spokes.tryton.rpc import Server, plain
from spokes.tryton.sandbox import TrytonSandbox
from spokes.tryton.spoke import Tryton

PARTIES, SALES = Tryton.streams
EMAIL = [["create", [{"type": "email", "value": "old@x.example"}]]]


@pytest.fixture
def there() -> Iterator[TrytonSandbox]:
    with serve(TrytonSandbox()) as sandbox:
        yield sandbox


@pytest.fixture
def spoke(there: TrytonSandbox) -> Iterator[Tryton]:
    made = Tryton.model_validate(there.settings()).using(clock=there.clock.now)
    yield made
    made.close()


def party(there: TrytonSandbox, name: str, **more: Any) -> str:
    return str(there.mutate({"do": "create", "stream": "parties", "data": {"name": name, **more}}))


def later(there: TrytonSandbox) -> None:
    there.clock.advance(timedelta(minutes=10))


def pulled(spoke: Tryton, stream: hub.Stream, cursor: str | None) -> tuple[list[hub.Change], str]:
    pages = list(spoke.pull(stream, cursor))
    return [change for page in pages for change in page.changes], pages[-1].cursor


def fetched(spoke: Tryton, id: str) -> hub.Change:
    (change,) = spoke.fetch(PARTIES, [id])
    return change


def test_a_party_whose_phone_changed_is_told_once_at_its_latest_moment(
    there: TrytonSandbox, spoke: Tryton
) -> None:
    first, second = party(there, "First", contact_mechanisms=EMAIL), party(there, "Second")
    later(there)
    _, cursor = pulled(spoke, PARTIES, None)
    values = {"value": "new@x.example"}
    there.mutate({"do": "write", "model": "party.contact_mechanism", "id": "1", "data": values})
    later(there)
    (change,), _ = pulled(spoke, PARTIES, cursor)
    assert (change.id, change.data and change.data["email"]) == (first, "new@x.example")
    everything, _ = pulled(spoke, PARTIES, None)
    assert [one.id for one in everything] == [second, first]


def test_a_part_that_is_archived_is_no_part_of_its_party(
    there: TrytonSandbox, spoke: Tryton
) -> None:
    id = party(there, "First", contact_mechanisms=EMAIL)
    gone = {"active": False}
    there.mutate({"do": "write", "model": "party.contact_mechanism", "id": "1", "data": gone})
    change = fetched(spoke, id)
    assert change.data is not None
    assert change.data["email"] is None
    assert change.data["contact_mechanisms"] == []


def test_a_write_that_changes_nothing_is_not_sent(there: TrytonSandbox, spoke: Tryton) -> None:
    id = party(there, "First", contact_mechanisms=EMAIL)
    there.journal.clear()
    same = {"name": "First", "email": "old@x.example", "phone": None}
    receipt = spoke.upsert(PARTIES, hub.Write(id, same, "key", "an older version"))
    assert receipt == hub.Receipt(id, fetched(spoke, id).version)
    asked = [entry for entry in there.journal if b"party.party.write" in entry.body]
    assert asked == []


def test_their_check_guards_the_moment_between_reading_and_writing(
    there: TrytonSandbox, spoke: Tryton
) -> None:
    id = party(there, "First")
    stamps = {"_timestamp": {f"party.party,{id}": "1"}}
    with pytest.raises(hub.Conflict):
        Server(spoke.http, "shop").call(
            "party.party", "write", [int(id)], {"name": "x"}, context=stamps
        )


def test_an_address_is_written_by_the_code_of_its_country(
    there: TrytonSandbox, spoke: Tryton
) -> None:
    id = party(there, "First")
    home = {"street": "Ahornweg 3", "country": "DE", "subdivision": "DE-BY"}
    spoke.upsert(PARTIES, hub.Write(id, {"address": home}, "key"))
    data = fetched(spoke, id).data
    assert data is not None
    assert data["address"] == {"city": None, "postal_code": None, **home}
    with pytest.raises(hub.Permanent, match="no country 'XX'"):
        spoke.upsert(PARTIES, hub.Write(id, {"address": {"country": "XX"}}, "key"))


def test_sales_are_never_written(spoke: Tryton) -> None:
    with pytest.raises(hub.Permanent, match="never written"):
        spoke.upsert(SALES, hub.Write(None, {"comment": "x"}, "key"))
    with pytest.raises(hub.Permanent, match="never written"):
        spoke.delete(SALES, "1")


def test_a_merged_party_is_gone_and_its_sales_are_the_others(
    there: TrytonSandbox, spoke: Tryton
) -> None:
    first, second = party(there, "First"), party(there, "Second")
    sale = there.mutate({"do": "create", "stream": "sales", "data": {"party": int(first)}})
    there.mutate({"do": "merge", "stream": "parties", "id": first, "into": second})
    assert fetched(spoke, first).data is None
    (change,) = spoke.fetch(SALES, [sale])
    assert change.data is not None
    assert change.data["party"] == int(second)


@pytest.mark.parametrize(
    ("method", "params", "raised", "said"),
    [
        ("search_read", [[], 0, 1, None, ["nope"], {}], hub.Transient, "'nope'"),
        ("search_read", [[["name", "is", 1]], 0, 1, None, ["name"], {}], hub.Transient, "recurs"),
        ("search_read", [[], 0, 1, None, ["name"]], hub.Transient, "Missing context"),
        ("write", [[99], {"name": "x"}, {}], hub.Permanent, "don't exist"),
        ("create", [[{"name": "x", "nope": 1}], {}], hub.Transient, "'nope'"),
        ("no_such_method", [{}], hub.AuthFailed, "403"),
    ],
)
def test_the_sandbox_refuses_as_trytond_does(
    there: TrytonSandbox,
    spoke: Tryton,
    method: str,
    params: list[Any],
    raised: type[Exception],
    said: str,
) -> None:
    party(there, "First")  # of nobody it reads no field
    asked = {"id": 1, "method": f"model.party.party.{method}", "params": params}
    with pytest.raises(raised, match=said):
        spoke.http.post("/shop/", json=asked)


def test_typed_values_become_plain_ones() -> None:
    at = {"year": 2026, "month": 1, "day": 2, "hour": 3, "minute": 4, "second": 5}
    assert plain(
        {
            "at": {"__class__": "datetime", **at, "microsecond": 60},
            "on": {"__class__": "date", "year": 2026, "month": 1, "day": 2},
            "amount": {"__class__": "Decimal", "decimal": "10.50"},
            "country.": {"id": 1, "code": "DE"},
        }
    ) == {
        "at": "2026-01-02T03:04:05.000060+00:00",
        "on": "2026-01-02",
        "amount": "10.50",
        "country": {"id": 1, "code": "DE"},
    }
