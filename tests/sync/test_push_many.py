"""Many records are written in one call, over real HTTP, and each ends in its own way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, select

import hub
from hub import queue
from hub.queue import Claimed, LostLease
from hub.store import entities
from hub.store.database import Database
from hub.store.work import jobs
from hub.sync.jobs import Poll, Push
from hub.sync.outbound.push import push
from hub.sync.records.amend import Patch
from hub.testing import Fault
from tests.sync.desk import AT_ONCE, DeskSandbox, desk
from tests.sync.elsewhere import System
from tests.sync.world import World, connected

CASES = Poll("crm", "cases")
TABLE = "sn_customerservice_case"


@pytest.fixture
def sandbox(world: World) -> Iterator[DeskSandbox]:
    with desk() as (sandbox, spoke):
        world.connect(connected(spoke=spoke, streams=("accounts", "contacts", "cases")))
        yield sandbox


@pytest.fixture
def system(sandbox: DeskSandbox) -> System:
    return sandbox.system


def made(world: World, count: int) -> list[str]:
    """New records of ours, each with a push that waits."""
    new = [f"{number:032x}" for number in range(1, count + 1)]
    case = entities.find("case")
    world.amend(*(Patch(case, id, {"short_description": f"Till {id}"}, fresh=True) for id in new))
    return new


def known(world: World, count: int) -> list[str]:
    """Records that both sides know."""
    for number in range(count):
        world.system().set("cases", f"c{number}", Subject="Till", Status="Open", Region="north")
    world.run(CASES)
    return [world.sys_id("case", f"c{number}") for number in range(count)]


def key(sys_id: str) -> str:
    return f"crm/cases/{TABLE}/{sys_id}"


def pushes(ids: Sequence[str]) -> list[Push]:
    return [Push("crm", "cases", TABLE, sys_id) for sys_id in ids]


def claimed(world: World, count: int) -> list[Claimed]:
    with world.db.write() as tx:
        return queue.claim(tx, worker="test", most=count, now=world.clock())


def pushed(world: World, mine: Sequence[Claimed]) -> list[Exception | None]:
    return push(world.db, world.connections, mine, world.clock)


def later(world: World) -> None:
    """What waits is tried again."""
    world.clock.pass_(600)
    world.work()


def test_a_hundred_new_records_are_four_calls(world: World, sandbox: DeskSandbox) -> None:
    new = made(world, 100)
    assert world.work() == 100
    assert sandbox.calls == [25, 25, 25, 25]
    there = sandbox.system.table("cases")
    assert sorted(record["Hub_Id"] for record in there.values() if record) == new
    for id in there:
        record = sandbox.system.get("cases", id)
        link = world.link("case", id)
        assert (link.sys_id, link.version) == (record["Hub_Id"], record["Version"])
        assert link.base["short_description"] == f"Till {link.sys_id}"
    assert (world.waiting(), world.letters()) == ([], [])
    world.run(CASES)
    assert (world.waiting("push"), len(world.rows("case"))) == ([], 100), "the echo dies"


def test_of_one_call_each_record_ends_in_its_own_way(
    world: World, sandbox: DeskSandbox, system: System
) -> None:
    ids = known(world, AT_ONCE)
    world.amend(Patch(entities.find("account"), "a" * 32, {"name": "New"}, fresh=True))
    for number, sys_id in enumerate(ids):
        world.edit("case", sys_id, short_description=f"Till {number}")
    refused = {"Till 1": hub.Permanent("too rude"), "Till 2": hub.Transient("locked")}
    system.set("cases", "c3", Region="south")  # a conflict
    system.remove("cases", "c4")
    world.edit("case", ids[5], state="7")  # for which they have no word
    world.edit("case", ids[6], account="a" * 32)  # which they do not have
    world.forget_jobs()
    world.put(*pushes(ids))

    def before(write: hub.Write) -> None:
        if error := refused.pop(str(write.data.get("Subject")), None):
            raise error

    system.before = before
    world.work()
    assert sandbox.calls == [AT_ONCE - 2]
    assert {one.key: one.reason for one in world.letters()} == {
        key(ids[1]): "refused", key(ids[5]): "mapping",
    }  # fmt: skip
    assert sorted(world.waiting("push")) == sorted(map(key, (ids[2], ids[3], ids[6])))
    assert world.row("case", "c3")["hub_custom"] == {"u_region": "south"}, "their side was heard"
    told = {
        n for n in range(AT_ONCE) if n != 4 and system.get("cases", f"c{n}")["Subject"] != "Till"
    }
    assert told == {*range(AT_ONCE)} - {1, 2, 3, 4, 5, 6}
    for number in told:
        link = world.link("case", f"c{number}")
        assert link.base["short_description"] == f"Till {number}"
        assert link.version == system.get("cases", f"c{number}")["Version"]
    later(world)
    assert world.waiting("push") == [key(ids[6])]
    assert [system.get("cases", f"c{n}")["Subject"] for n in (2, 3)] == ["Till 2", "Till 3"]


def test_the_newest_is_written_of_a_record_that_changes_during_the_call(
    world: World, sandbox: DeskSandbox, system: System
) -> None:
    ids = known(world, 3)

    def edit(write: hub.Write) -> None:
        if write.data["Subject"] == "Till 1":
            world.edit("case", ids[1], short_description="Till 1, newer")
            world.edit("case", ids[1], short_description="Till 1, newest")

    for number, sys_id in enumerate(ids):
        world.edit("case", sys_id, short_description=f"Till {number}")
    system.after = edit
    world.work()
    assert sandbox.calls == [3, 1]
    assert [write.data["Subject"] for write in system.writes] == [
        "Till 0", "Till 1", "Till 2", "Till 1, newest",
    ]  # fmt: skip


def test_a_call_that_fails_as_a_whole_costs_all_of_it_an_attempt_and_nothing_else(
    world: World, sandbox: DeskSandbox
) -> None:
    made(world, AT_ONCE)
    sandbox.faults.add(Fault(method="POST", status=503))
    world.work()
    assert len(world.waiting("push")) == AT_ONCE
    assert sandbox.system.writes == []
    later(world)
    assert (world.waiting(), world.letters()) == ([], [])
    assert sandbox.calls == [25, 12, 12, 1], "half as many each time"
    assert len(world.rows("case")) == len(sandbox.system.table("cases")) == AT_ONCE


def test_after_a_lost_answer_nothing_is_made_twice(world: World, sandbox: DeskSandbox) -> None:
    new = made(world, AT_ONCE)
    sandbox.faults.add(Fault(method="POST", drop="after"))
    world.work()
    assert len(sandbox.system.table("cases")) == AT_ONCE
    assert len(world.waiting("push")) == AT_ONCE
    later(world)
    assert sorted(write.key for write in sandbox.system.writes) == sorted([*new, *new])
    assert len(sandbox.system.table("cases")) == AT_ONCE
    assert (world.waiting(), world.letters()) == ([], [])
    world.run(CASES)
    assert len(world.rows("case")) == AT_ONCE


def test_who_asks_for_too_much_waits_and_no_attempt_is_lost(
    world: World, sandbox: DeskSandbox
) -> None:
    made(world, 60)
    busy = Fault(method="POST", status=429, headers={"Retry-After": "30"}, skip=1, times=None)
    sandbox.faults.add(busy)
    world.work()
    with world.db.read() as tx:
        [pause] = queue.paused(tx, now=world.clock())
        attempts = [*tx.scalars(select(jobs.c.attempt))]
    assert (pause.connection, pause.until) == ("crm", world.clock() + 30)
    assert attempts == [0] * 35
    sandbox.faults.clear()
    later(world)
    assert sandbox.calls[-2:] == [25, 10]
    assert len(sandbox.system.table("cases")) == 60


def test_after_they_have_refused_the_account_nothing_more_is_asked(
    world: World, sandbox: DeskSandbox
) -> None:
    made(world, 60)
    sandbox.faults.add(Fault(method="POST", status=429))
    errors = pushed(world, claimed(world, 60))
    assert {type(error) for error in errors} == {hub.RateLimited}
    assert sandbox.calls == [AT_ONCE]


def test_what_they_say_of_all_but_can_only_mean_one_buries_nobody_else(
    world: World, sandbox: DeskSandbox
) -> None:
    """A call that is refused because of one record: each is asked alone."""
    made(world, AT_ONCE)
    sandbox.faults.add(Fault(method="POST", contains="Till", status=400, body={"error": "no"}))
    sandbox.faults.add(Fault(method="POST", contains=f"Till {7:032x}", status=400))
    world.work()
    assert sandbox.calls == [AT_ONCE] + [1] * AT_ONCE
    assert [one.key for one in world.letters()] == [key(f"{7:032x}")]
    assert len(sandbox.system.table("cases")) == AT_ONCE - 1
    assert world.waiting() == []


def test_two_of_ours_that_are_one_of_theirs_are_never_in_one_call(
    world: World, sandbox: DeskSandbox, system: System
) -> None:
    """The sandbox refuses a call with a record twice."""
    system.set("refunds", "r1", Amount=5, OrderId=None, Reason="torn", Subject="S", Lines=None)
    world.connect(connected(spoke=world.connections["crm"].spoke))
    world.run(Poll("crm", "refunds"))
    world.edit("return", world.sys_id("return", "r1"), reason="wet")
    world.edit("case", world.sys_id("case", "r1"), short_description="Wet")
    world.work()
    later(world)
    assert 1 in sandbox.calls
    assert max(sandbox.calls) == 1
    assert (system.get("refunds", "r1")["Reason"], system.get("refunds", "r1")["Subject"]) == (
        "wet", "Wet",
    )  # fmt: skip
    assert world.letters() == []


def test_who_lost_some_of_a_call_keeps_what_is_still_its_own(
    world: World, sandbox: DeskSandbox, system: System
) -> None:
    new = made(world, 6)
    mine = claimed(world, 6)
    others: list[Claimed] = []

    def robbed(_: hub.Write) -> None:
        if not others:
            with world.db.write() as tx:
                queue.hand_back(tx, mine[1:3])
            with world.db.write() as tx:
                others.extend(queue.claim(tx, worker="other", most=9, now=world.clock()))

    system.after = robbed
    errors = pushed(world, mine)
    assert [type(error) for error in errors] == [
        type(None), LostLease, LostLease, type(None), type(None), type(None),
    ]  # fmt: skip
    assert world.count("hub_external_ref") == 4, "no effect of a job that is another's"
    assert pushed(world, others) == [None, None]
    assert world.count("hub_external_ref") == len(system.table("cases")) == len(new)
    assert sandbox.calls == [6, 2]


class Crash(BaseException):
    """The process dies."""


@contextmanager
def dying(db: Database, after: int) -> Iterator[list[str]]:
    """Die instead of sending the statement, or committing, after so many."""
    sent: list[str] = []

    def listen(*given: Any) -> None:
        sent.append(given[2] if len(given) > 1 else "COMMIT")
        if len(sent) == after + 1:
            raise Crash

    for name in ("before_cursor_execute", "commit"):
        event.listen(db.engine, name, listen)
    try:
        yield sent
    finally:
        for name in ("before_cursor_execute", "commit"):
            event.remove(db.engine, name, listen)


def test_whoever_dies_between_any_two_statements_nothing_is_made_twice_or_forgotten(
    world: World, system: System
) -> None:
    ids = known(world, 2)
    deaths, died = 0, True
    while died:
        died = False
        made_now = [f"{deaths:016x}{number:016x}" for number in (1, 2, 3)]
        case = entities.find("case")
        for id in made_now:
            world.amend(Patch(case, id, {"short_description": f"Till {id}"}, fresh=True))
        for id in ids:
            world.edit("case", id, short_description=f"Till {deaths}")
        mine = claimed(world, 5)
        assert len(mine) == 5
        try:
            with dying(world.db, deaths):
                assert pushed(world, mine) == [None] * 5
        except Crash:
            died, deaths = True, deaths + 1
            world.clock.pass_(60)
            with world.db.write() as tx:
                queue.rescue(tx, world.clock())
            later(world)  # our own write, of which we did not hear, is a conflict first
            later(world)
        assert (world.waiting("push"), world.letters()) == ([], [])
    assert deaths > 8, "reading, writing and the two commits"
    assert len(system.table("cases")) == 2 + 3 * (deaths + 1)
    assert world.count("hub_external_ref") == len(system.table("cases"))
    assert {system.get("cases", id)["Subject"] for id in ("c0", "c1")} == {f"Till {deaths}"}
    world.run(CASES)
    assert len(world.rows("case")) == len(system.table("cases"))


def test_a_hundred_pushes_cost_as_many_statements_as_one(
    world: World, sandbox: DeskSandbox
) -> None:
    sandbox.system.set("accounts", "a1", Name="Brookfield")
    world.run(Poll("crm", "accounts"))
    account = world.sys_id("account", "a1")

    def cost(ids: Sequence[str]) -> list[str]:
        for sys_id in ids:
            world.edit("case", sys_id, account=account)
        world.forget_jobs()
        world.put(*pushes(ids))
        mine = claimed(world, len(ids))
        with world.counted() as sent:
            assert pushed(world, mine) == [None] * len(ids)
        return [sql for sql in sent if "set_config" not in sql]

    few = cost(made(world, 101)[:1])
    many = cost([f"{number:032x}" for number in range(2, 102)])
    assert len(few) == len(many) <= 9, "\n".join(sql.strip()[:60] for sql in many)
    assert sandbox.calls == [1, 25, 25, 25, 25]
