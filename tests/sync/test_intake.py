"""Deliveries are stored as sets, each once, in the order in which they came."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import hub
from hub.store.database import Database, Unavailable
from hub.store.deliveries import Delivery
from hub.sync.connection import Connection
from hub.sync.inbound.intake import Intake, verified
from tests.databases import locked


class Named(hub.Spoke, hub.Receives):
    """Names its deliveries as it likes."""

    called: str

    def verify(self, hook: hub.Webhook) -> None:
        """All are genuine."""

    def parse(self, hook: hub.Webhook) -> tuple[()]:
        del hook
        return ()

    def delivery(self, hook: hub.Webhook) -> str:
        del hook
        return self.called


def deliveries(*names: str, connection: str = "crm") -> list[Delivery]:
    return [Delivery(connection, name, "{}", name.encode()) for name in names]


def stored(db: Database) -> list[str]:
    with db.read() as tx:
        rows = tx.exec_driver_sql("SELECT delivery_id FROM hub_delivery ORDER BY id")
        return list(rows.scalars())


def put(db: Database) -> int:
    with db.read() as tx:
        return int(tx.exec_driver_sql("SELECT count(*) FROM hub_job").scalar_one())


def test_a_batch_keeps_its_order_whatever_the_names(db: Database) -> None:
    names = ["m", "z", "a", "k", "b"]
    assert Intake(db).store(deliveries(*names)) == [True] * 5
    assert stored(db) == names
    assert put(db) == 5


def test_what_is_known_and_what_is_twice_makes_no_job(db: Database) -> None:
    intake = Intake(db)
    assert intake.store(deliveries("a", "b")) == [True, True]
    assert intake.store(deliveries("c", "a", "d", "c", "b", "e")) == [
        True, False, True, False, False, True,
    ]  # fmt: skip
    assert stored(db) == ["a", "b", "c", "d", "e"]
    assert put(db) == 5


def test_of_two_with_the_same_name_the_first_is_kept(db: Database) -> None:
    twice = [Delivery("crm", "a", "{}", body) for body in (b"9", b"1", b"5")]
    assert Intake(db).store(twice) == [True, False, False]
    with db.read() as tx:
        kept = tx.exec_driver_sql("SELECT body FROM hub_delivery").scalars()
        assert [bytes(body) for body in kept] == [b"9"]


def test_the_same_name_in_two_connections_is_two_deliveries(db: Database) -> None:
    batch = deliveries("a") + deliveries("a", connection="erp")
    assert Intake(db).store(batch) == [True, True]
    assert put(db) == 2


def test_nothing_at_all_is_stored_while_the_database_is_locked(db: Database) -> None:
    intake = Intake(db.within(0.05))
    with locked(db):
        outcomes = intake.store(deliveries("a", "b"))
    assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]
    assert stored(db) == []
    assert intake.store(deliveries("a", "b")) == [True, True]


def test_two_hubs_that_get_the_same_in_opposite_orders_store_each_once(
    db: Database, database_url: str
) -> None:
    other = Database(database_url)
    starting = threading.Barrier(2)
    names = [f"{number:03}" for number in range(300)]

    def store(intake: Intake, round_: int, *, backwards: bool) -> int:
        mine = deliveries(*(f"{round_}/{name}" for name in names[:: -1 if backwards else 1]))
        starting.wait(60)
        outcomes = intake.store(mine)
        assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        return outcomes.count(True)

    with ThreadPoolExecutor(2) as pool:
        for round_ in range(20):
            one = pool.submit(store, Intake(db), round_, backwards=False)
            two = pool.submit(store, Intake(other), round_, backwards=True)
            assert one.result(60) + two.result(60) == len(names)
    other.close()
    assert len(stored(db)) == put(db) == 20 * len(names)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("x" * 255, id="as long as can be"),
        pytest.param("x" * 256, id="too long"),
        pytest.param("a\0b", id="NUL"),
        pytest.param("half \ud83d", id="half a character"),
        pytest.param("", id="empty"),
        pytest.param("Größe 𝄞", id="foreign"),
    ],
)
def test_any_name_is_known_again(db: Database, name: str) -> None:
    connection = Connection("crm", Named(url="http://127.0.0.1:9", sandbox=True, called=name), {})
    intake = Intake(db)
    for expected in (True, False):
        delivery = verified(connection, hub.Webhook({"x-topic": "orders"}, b"{}"))
        assert intake.store([delivery]) == [expected]
    assert all(len(known) <= 255 for known in stored(db))
