"""Webhooks are stored before they are read, and read once."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import orjson
import pytest

import hub
from hub import queue
from hub.queue import Which
from hub.store import deliveries
from hub.store.database import Unavailable
from hub.sync.inbound.intake import Intake, verified
from hub.sync.jobs import Ingest
from tests.databases import locked
from tests.sync.elsewhere import Elsewhere, System, at
from tests.sync.world import World, connected


def hook(*events: Any, delivery: str = "", key: bytes = b"hook-secret") -> hub.Webhook:
    body = orjson.dumps(events)
    signature = hmac.new(key, body, hashlib.sha256).hexdigest()
    headers = {"x-signature": signature} | ({"x-delivery": delivery} if delivery else {})
    return hub.Webhook(headers, body)


def hint(id: str, stream: str = "cases") -> dict[str, Any]:
    return {"stream": stream, "id": id}


def carried(id: str, moment: int, stream: str = "cases", **values: Any) -> dict[str, Any]:
    return {"stream": stream, "record": {"Id": id, "Version": at(moment), **values}}


def accept(world: World, sent: hub.Webhook, connection: str = "crm") -> bool:
    """Take a webhook in, as the web edge does; False if it is known already."""
    delivery = verified(world.connections[connection], sent)
    [outcome] = Intake(world.db, world.clock).store([delivery])
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def states(world: World) -> list[str]:
    with world.db.read() as tx:
        return list(tx.exec_driver_sql("SELECT state FROM hub_delivery ORDER BY id").scalars())


def test_a_webhook_is_stored_and_read_later(world: World) -> None:
    assert accept(world, hook(carried("c1", 1, Subject="Till")))
    assert (states(world), world.waiting()) == (["waiting"], ["1"])
    assert world.rows("case") == []
    world.work()
    assert world.row("case", "c1")["short_description"] == "Till"
    assert (states(world), world.waiting()) == (["done"], [])


def test_a_forged_webhook_is_not_stored(world: World) -> None:
    with pytest.raises(hub.Forged):
        accept(world, hook(hint("c1"), key=b"guessed"))
    assert (states(world), world.waiting()) == ([], [])


def test_a_repeated_delivery_makes_no_work(world: World) -> None:
    assert accept(world, hook(hint("c1"), delivery="d1"))
    assert not accept(world, hook(hint("c1"), delivery="d1"))
    world.work()
    assert not accept(world, hook(hint("c1"), delivery="d1"))
    assert (states(world), world.waiting()) == (["done"], [])
    assert accept(world, hook(hint("c1"), delivery="d2"))


def test_the_same_delivery_of_two_connections_is_two(world: World) -> None:
    world.connect(connected(), connected("erp"))
    accept(world, hook(hint("c1"), delivery="d1"))
    assert accept(world, hook(hint("c1"), delivery="d1"), "erp")


def test_what_is_hinted_at_is_fetched_once_each(world: World) -> None:
    system = world.system()
    for id in ("c1", "c2"):
        system.set("cases", id, Subject=id)
    accept(world, hook(hint("c1"), hint("c2"), hint("c1"), hint("gone"), hint("c1")))
    world.work()
    assert system.fetched == ["c1", "c2", "gone"]
    assert len(world.rows("case")) == 2


def test_many_hints_are_fetched_in_portions(world: World) -> None:
    asked = []

    class Portions(Elsewhere):
        """Notes how much it is asked for at once."""

        def fetch(self, stream: hub.Stream, ids: Any) -> Any:
            asked.append(len(ids))
            return super().fetch(stream, ids)

    world.connect(connected(spoke=Portions.of(System())))
    accept(world, hook(*(hint(f"c{i}") for i in range(1200))))
    world.work()
    assert asked == [500, 500, 200]


def test_a_webhook_that_is_older_than_a_poll_changes_nothing(world: World) -> None:
    accept(world, hook(carried("c1", 5, Subject="New")))
    accept(world, hook(carried("c1", 4, Subject="Old")))
    world.work()
    assert world.row("case", "c1")["short_description"] == "New"


def test_one_webhook_may_tell_of_several_streams(world: World) -> None:
    accept(
        world,
        hook(carried("c1", 1, AccountId="a1"), carried("a1", 1, "accounts", Name="Brookfield")),
    )
    world.work()
    assert world.row("case", "c1")["account"] == world.sys_id("account", "a1")


def test_a_stream_that_nobody_mapped_is_ignored(world: World) -> None:
    world.connect(connected(streams=("cases",)))
    accept(world, hook(carried("a1", 1, "accounts"), hint("x", "leads"), carried("c1", 1)))
    world.work()
    assert (len(world.rows("case")), world.rows("account")) == (1, [])
    assert states(world) == ["done"]


def test_an_event_that_says_nothing_is_done(world: World) -> None:
    accept(world, hook())
    world.work()
    assert (states(world), world.waiting()) == (["done"], [])


class Buggy(Elsewhere):
    """A spoke whose `parse` has a bug."""

    def parse(self, hook: hub.Webhook) -> Any:
        return [hub.Hint("cases", event["ID"]) for event in hook.json()]


def test_a_bug_in_parse_loses_no_event(world: World) -> None:
    system = world.system()
    system.set("cases", "c1", Subject="Till")
    world.connect(connected(spoke=Buggy.of(system)))
    accept(world, hook(hint("c1")))
    for _ in range(12):
        world.work()
        world.clock.pass_(86_400)
    [letter] = world.letters()
    assert (letter.kind, letter.reason) == ("ingest", "exhausted")
    assert "KeyError: 'ID'" in letter.error
    assert states(world) == ["waiting"]

    world.connect(connected(spoke=Elsewhere.of(system)))  # the fix is deployed
    with world.db.write() as tx:
        assert queue.revive(tx, Which(kind="ingest"), now=world.clock()) == 1
    world.work()
    assert world.row("case", "c1")["short_description"] == "Till"
    assert (states(world), world.letters()) == (["done"], [])


def test_a_body_that_is_no_json_is_buried_at_once(world: World) -> None:
    body = b"<xml/>"
    signature = hmac.new(b"hook-secret", body, hashlib.sha256).hexdigest()
    accept(world, hub.Webhook({"x-signature": signature}, body))
    world.work()
    [letter] = world.letters()
    assert letter.reason == "refused"
    assert "not JSON" in letter.error


def test_a_delivery_that_was_purged_is_said_so(world: World) -> None:
    accept(world, hook(hint("c1")))
    with world.db.write() as tx:
        deliveries.settle(tx, 1, "done")
        assert deliveries.purge(tx, before=world.clock() + 1) == 1
    world.work()
    [letter] = world.letters()
    assert "delivery 1 was purged" in letter.error


def test_a_bad_record_in_a_webhook_costs_nothing_beside_it(world: World) -> None:
    accept(world, hook(carried("bad", 1, Status="Exploded"), carried("c1", 1)))
    world.work()
    assert (len(world.rows("case")), len(world.dead())) == (1, 1)
    assert states(world) == ["done"]


def test_a_job_that_died_after_its_commit_is_not_done_twice(world: World) -> None:
    accept(world, hook(carried("c1", 1, Subject="Till")))
    claimed = world.claim()
    world.hub.handle(claimed)
    with pytest.raises(queue.LostLease):
        world.hub.handle(claimed)
    assert world.count("sys_audit") == 1


def test_a_locked_database_refuses_the_webhook_so_that_it_is_sent_again(world: World) -> None:
    world.db = world.db.within(0.05)
    with locked(world.db), pytest.raises(Unavailable):
        accept(world, hook(hint("c1")))
    assert states(world) == []
    assert accept(world, hook(hint("c1")))


def test_ingest_jobs_go_before_everything_else() -> None:
    assert Ingest.lane == min(queue.Lane)
