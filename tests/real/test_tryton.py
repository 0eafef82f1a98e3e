"""The Tryton spoke before a real trytond: what its sandbox does was learned here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

import hub
from hub.app import Hub
from hub.kit.subjects import subject
from hub.store import entities, links
from hub.store.database import Database
from hub.sync.connection import Connection, Connections
from hub.sync.records.amend import Origin, Patch, amend
from hub.testing.together import loaded
from spokes.tryton.rpc import Server
from spokes.tryton.spoke import Tryton
from tests.databases import ON_SQLITE
from tests.real import tryton
from tests.real.tryton import DATABASE, HUB, PASSWORD

pytestmark = pytest.mark.timeout(900)

PARTIES, SALES = Tryton.streams
AHEAD = timedelta(minutes=1)  # what was done just now is old enough for a pull
LINE = {
    "type": "line",
    "quantity": 2.0,
    "unit_price": {"__class__": "Decimal", "decimal": "10.0000"},
    "description": "A till",
}

Connect = Callable[..., Tryton]


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tryton.Tryton]:
    with tryton.started(tmp_path_factory.mktemp("tryton")) as server:
        yield server


@pytest.fixture
def connect(there: tryton.Tryton) -> Iterator[Connect]:
    built: list[Tryton] = []

    def build(**settings: Any) -> Tryton:
        given = {"url": there.url, "sandbox": True, "database": DATABASE, "user": HUB}
        spoke = Tryton.model_validate(given | {"password": PASSWORD} | settings)
        built.append(spoke.using(clock=lambda: datetime.now(UTC) + AHEAD))
        return built[-1]

    yield build
    for spoke in built:
        spoke.close()


@pytest.fixture
def spoke(connect: Connect) -> Tryton:
    return connect()


def pulled(
    spoke: Tryton, stream: hub.Stream, cursor: str | None = None
) -> tuple[list[hub.Change], str]:
    pages = list(spoke.pull(stream, cursor))
    return [change for page in pages for change in page.changes], pages[-1].cursor


def now(spoke: Tryton, stream: hub.Stream, id: int | str) -> hub.Change:
    (change,) = spoke.fetch(stream, [str(id)])
    return change


def data(change: hub.Change) -> hub.JsonObject:
    assert change.data is not None, f"{change.id} is gone"
    return change.data


def mechanism(kind: str, value: str) -> list[Any]:
    return [["create", [{"type": kind, "value": value}]]]


def test_what_was_never_changed_and_what_was_come_in_one_order(
    there: tryton.Tryton, spoke: Tryton
) -> None:
    first, second = there.party("First"), there.party("Second")
    there.call("party.party.write", [first], {"name": "First, and changed"})
    third = there.party("Third")
    assert there.party_now(second, "write_date")["write_date"] is None
    told, _ = pulled(spoke, PARTIES)
    mine = [change.id for change in told if int(change.id) in (first, second, third)]
    assert mine == [str(second), str(first), str(third)]
    versions = [change.version for change in told]
    assert versions == sorted(versions)


def test_a_part_that_changes_alone_tells_of_its_party(there: tryton.Tryton, spoke: Tryton) -> None:
    id = there.party("Alone", contact_mechanisms=mechanism("email", "old@alone.example"))
    before = now(spoke, PARTIES, id)
    _, cursor = pulled(spoke, PARTIES)
    (email,) = there.party_now(id, "contact_mechanisms")["contact_mechanisms"]
    there.call("party.contact_mechanism.write", [email], {"value": "new@alone.example"})
    assert there.party_now(id, "write_date")["write_date"] is None
    told = {change.id: change for change in pulled(spoke, PARTIES, cursor)[0]}
    assert data(told[str(id)])["email"] == "new@alone.example"
    assert told[str(id)].version > before.version


def test_parties_are_counted_with_archived_ones_and_those_whose_parts_changed(
    there: tryton.Tryton, spoke: Tryton
) -> None:
    archived, changed = there.party("Gone"), there.party("Counted")
    spoke.delete(PARTIES, str(archived))
    assert spoke.count(PARTIES, None) == len(pulled(spoke, PARTIES)[0])
    moment = datetime.now(UTC) + timedelta(seconds=1)
    assert spoke.count(PARTIES, moment) == 0
    while datetime.now(UTC) < moment:
        there.call("party.party.read", [changed], ["name"])
    there.call("party.party.write", [changed], {"contact_mechanisms": mechanism("phone", "1")})
    assert spoke.count(PARTIES, moment) == 1


def test_an_archived_party_is_gone_and_comes_back(there: tryton.Tryton, spoke: Tryton) -> None:
    id = there.party("Archived")
    spoke.delete(PARTIES, str(id))
    assert not there.party_now(id, "active")["active"]
    assert now(spoke, PARTIES, id).data is None
    told = {change.id: change for change in pulled(spoke, PARTIES)[0]}
    assert told[str(id)].data is None
    with pytest.raises(hub.NotFound):
        spoke.delete(PARTIES, str(id))
    there.call("party.party.write", [id], {"active": True})
    assert data(now(spoke, PARTIES, id))["name"] == "Archived"


def test_a_creation_repeated_makes_no_second_party(there: tryton.Tryton, spoke: Tryton) -> None:
    key = uuid4().hex
    values = {
        "name": "Made here",
        "email": "a@made.example",
        "mobile": "+49 151 555 01",
        "address": {"street": "Ahornweg 3", "city": "Lindau", "postal_code": "88131"},
    }
    once = spoke.upsert(PARTIES, hub.Write(None, values, key))
    again = spoke.upsert(PARTIES, hub.Write(None, values | {"name": "Made here, and named"}, key))
    assert again.id == once.id
    assert there.call("party.party.search_count", [["identifiers.code", "=", f"hub:{key}"]]) == 1
    found = data(now(spoke, PARTIES, once.id))
    assert found["hub_id"] == key
    assert found["name"] == "Made here, and named"
    assert {name: found[name] for name in ("email", "mobile")} == {
        "email": "a@made.example",
        "mobile": "+49 151 555 01",
    }
    assert found["address"]["city"] == "Lindau"
    assert len(found["contact_mechanisms"]) == 2


def test_an_update_changes_what_differs_and_nothing_else(
    there: tryton.Tryton, spoke: Tryton
) -> None:
    more = mechanism("email", "first@x.example") + mechanism("email", "second@x.example")
    id = there.party("Changed", contact_mechanisms=more)
    seen = now(spoke, PARTIES, id)
    values = {"name": "Changed", "email": "better@x.example", "phone": "+49 800 1", "mobile": None}
    spoke.upsert(PARTIES, hub.Write(str(id), values, "k", seen.version))
    found = data(now(spoke, PARTIES, id))
    told = [(one["type"], one["value"]) for one in found["contact_mechanisms"]]
    assert sorted(told) == [
        ("email", "better@x.example"),
        ("email", "second@x.example"),
        ("phone", "+49 800 1"),
    ]
    spoke.upsert(PARTIES, hub.Write(str(id), {"phone": None}, "k", now(spoke, PARTIES, id).version))
    assert data(now(spoke, PARTIES, id))["phone"] is None


def test_what_they_changed_since_is_a_conflict(there: tryton.Tryton, spoke: Tryton) -> None:
    id = there.party("Ours", contact_mechanisms=mechanism("phone", "+49 800 1"))
    seen = now(spoke, PARTIES, id)
    (phone,) = there.party_now(id, "contact_mechanisms")["contact_mechanisms"]
    there.call("party.contact_mechanism.write", [phone], {"value": "+49 800 2"})
    with pytest.raises(hub.Conflict, match=f"party {id}"):
        spoke.upsert(PARTIES, hub.Write(str(id), {"name": "Theirs"}, "k", seen.version))
    assert data(now(spoke, PARTIES, id))["name"] == "Ours"
    done = {"phone": "+49 800 2"}
    assert spoke.upsert(PARTIES, hub.Write(str(id), done, "k", seen.version)).id == str(id), (
        "a write that says what is there already is done"
    )


@pytest.mark.parametrize("model", ["party.party", "party.contact_mechanism"])
def test_their_own_check_is_a_conflict(there: tryton.Tryton, spoke: Tryton, model: str) -> None:
    id = there.party("Guarded", contact_mechanisms=mechanism("phone", "+49 800 1"))
    (phone,) = there.party_now(id, "contact_mechanisms")["contact_mechanisms"]
    of = {"party.party": id, "party.contact_mechanism": phone}[model]
    values = {"contact_mechanisms": [["write", [phone], {"value": "+49 800 2"}]]}
    with pytest.raises(hub.Conflict):
        Server(spoke.http, DATABASE).call(
            "party.party", "write", [id], values, context={"_timestamp": {f"{model},{of}": "1"}}
        )


def test_what_they_refuse_is_an_error_of_ours(
    there: tryton.Tryton, spoke: Tryton, connect: Connect
) -> None:
    server = Server(spoke.http, DATABASE)
    party = there.party("Refused", code="taken")
    with pytest.raises(hub.Permanent, match="must be unique"):
        server.call("party.party", "create", [{"name": "x", "code": "taken"}], context={})
    values = {"party": party, "type": "pigeon", "value": "x"}
    with pytest.raises(hub.Permanent, match="pigeon"):
        server.call("party.contact_mechanism", "create", [values], context={})
    with pytest.raises(hub.Permanent, match="don't exist"):
        server.call("party.party", "write", [99999], {"name": "x"}, context={})
    with pytest.raises(hub.Permanent, match="no country 'XX'"):
        spoke.upsert(PARTIES, hub.Write(str(party), {"address": {"country": "XX"}}, "k"))
    with pytest.raises(hub.Transient, match="no_such_field"):
        server.search_read("party.party", [], ["no_such_field"])
    with pytest.raises(hub.Transient, match="doesn't exist"):
        list(connect(database="nobody").fetch(PARTIES, ["1"]))


def test_who_may_not_is_told_to_sign_in(there: tryton.Tryton, connect: Connect) -> None:
    there.user("stranger")
    with pytest.raises(hub.AuthFailed, match="not allowed to access"):
        list(connect(user="stranger").fetch(SALES, ["1"]))
    with pytest.raises(hub.AuthFailed, match="401"):
        list(connect(password="wrong").fetch(SALES, ["1"]))


def test_sales_come_with_their_lines_and_vanish(there: tryton.Tryton, spoke: Tryton) -> None:
    id = there.sale(there.party("A buyer"), LINE, {"type": "comment", "description": "No bell"})
    _, cursor = pulled(spoke, SALES)
    before = data(now(spoke, SALES, id))
    assert before["total_amount"] == "20.00"
    assert before["currency"]["code"] == "EUR"
    assert [line["type"] for line in before["lines"]] == ["line", "comment"]

    there.call("sale.line.write", [before["lines"][0]["id"]], {"quantity": 3.0})
    told = {change.id: change for change in pulled(spoke, SALES, cursor)[0]}
    assert data(told[str(id)])["total_amount"] == "30.00"

    there.call("sale.sale.delete", [id])
    assert now(spoke, SALES, id).data is None
    assert str(id) not in {change.id for change in pulled(spoke, SALES)[0]}, "only a listing tells"


def test_a_party_that_a_sale_refers_to_is_archived(there: tryton.Tryton, spoke: Tryton) -> None:
    buyer = there.party("A buyer who leaves")
    there.sale(buyer, LINE)
    spoke.delete(PARTIES, str(buyer))
    assert now(spoke, PARTIES, buyer).data is None


def test_a_record_that_is_nobodys_is_gone(spoke: Tryton) -> None:
    told = {change.id: change.data for change in spoke.fetch(PARTIES, ["99999", "nobody", "1"])}
    assert told.keys() == {"99999", "nobody", "1"}
    assert told["99999"] is None
    assert told["nobody"] is None


class Both:
    """A hub beside Tryton, ahead of its time."""

    def __init__(self, db: Database, spoke: Tryton) -> None:
        self.db = db
        self.connections = Connections([Connection("shop", spoke, loaded(subject("tryton")))])
        self.hub = Hub(db, self.connections, test_clock=self._later)
        self._ahead = AHEAD.total_seconds()

    def _later(self) -> float:
        return time.time() + self._ahead

    def sync(self) -> None:
        for stream in (PARTIES, SALES):
            self.hub.poll_again("shop", stream.name)
        self.work()

    def work(self) -> None:
        self.hub.worker(threads=1).run_until_idle()

    def wait(self) -> None:
        """Let the pauses between attempts pass."""
        self._ahead += 600

    def ours(self, entity: str, id: int | str) -> dict[str, Any]:
        """Our record of theirs."""
        table = entities.find(entity).table
        stream = "shop/parties" if entity == "account" else "shop/sales"
        with self.db.read() as tx:
            rows = [dict(row._mapping) for row in tx.execute(table.select())]
            for row in rows:
                for link in links.of_record(tx, table.name, row["sys_id"]):
                    if (f"{link.connection}/{link.stream}", link.external_id) == (stream, str(id)):
                        return row
        raise AssertionError(f"{entity}: nothing is linked to {stream} {id}")

    def amend(self, sys_id: str, *, fresh: bool = False, **values: Any) -> None:
        patch = Patch(entities.find("account"), sys_id, values, fresh=fresh)
        with self.db.write() as tx:
            amend(
                tx, self.connections, [patch], Origin("somebody"),
                now=datetime.fromtimestamp(self._later(), UTC),
            )  # fmt: skip


@ON_SQLITE
def test_a_hub_beside_it_is_right_in_both_directions(
    db: Database, there: tryton.Tryton, spoke: Tryton
) -> None:
    both = Both(db, spoke)
    party = there.party("Both", contact_mechanisms=mechanism("phone", "+49 800 1"))
    sale = there.sale(party, LINE, {"type": "comment", "description": "No bell"})
    both.sync()
    account, order = both.ours("account", party), both.ours("order", sale)
    assert account["name"] == "Both"
    assert order["account"] == account["sys_id"]

    both.amend(account["sys_id"], name="Both, renamed here")
    both.work()
    assert there.party_now(party, "name")["name"] == "Both, renamed here"

    both.amend(account["sys_id"], phone="+49 800 2")
    there.call("party.party.write", [party], {"name": "Both, renamed there"})
    both.work()
    assert there.party_now(party, "name")["name"] == "Both, renamed there", "nothing is overwritten"
    both.wait()
    both.work()
    assert there.party_now(party, "name", "phone") == {
        "id": party,
        "name": "Both, renamed there",
        "phone": "+49 800 2",
    }
    assert both.ours("account", party)["name"] == "Both, renamed there"

    both.amend(uuid4().hex, fresh=True, name="Born in the hub")
    both.work()
    both.sync()
    born = there.call("party.party.search", [["name", "=", "Born in the hub"]], 0, None, None)
    assert len(born) == 1
    assert both.ours("account", born[0])["name"] == "Born in the hub"


def test_hundreds_made_at_once_all_come_and_a_pull_resumes_among_them(
    there: tryton.Tryton, spoke: Tryton
) -> None:
    made = there.call("party.party.create", [{"name": f"One of many {n}"} for n in range(230)])
    assert len({change.version for change in spoke.fetch(PARTIES, list(map(str, made)))}) == 1
    pages = spoke.pull(PARTIES, None)
    seen: list[str] = []
    for page in pages:
        seen += [change.id for change in page.changes]
        if str(made[0]) in seen:
            break
    assert str(made[-1]) not in seen, "a page ends among them"
    rest = [change.id for change in pulled(spoke, PARTIES, page.cursor)[0]]
    assert set(map(str, made)) <= {*seen, *rest}
