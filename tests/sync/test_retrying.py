"""Dead records are read again in portions, by a person's wish or once their mapping is another."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

import hub
from hub import queue
from hub.app import Hub
from hub.mapping import Mapping as FieldMapping
from hub.queue import LostLease, revivals
from hub.running import at_work
from hub.store import dead
from hub.store.cursors import Counts
from hub.store.dead import Which
from hub.sync import reading
from hub.sync.connection import Connections
from tests.sync.elsewhere import at, there
from tests.sync.world import MAPPINGS, World, altered, connected, mapped

DEADLINE = 30.0  # seconds until a test gives up


def knowing(tmp_path: Path, *statuses: str) -> tuple[FieldMapping, ...]:
    """The mapping of cases that knows these as well."""
    entries = "".join(f", {status}: open" for status in statuses)
    return altered(tmp_path, "cases", "Closed: closed}", f"Closed: closed{entries}}}")


def bad(number: int, status: str = "Exploded", moment: int = 1) -> hub.Change:
    return there("cases", f"c{number:03}", moment, Status=status, Subject=f"case {number}")


def start(world: World, which: Which, rate: float) -> int:
    with world.db.write() as tx:
        return revivals.start(tx, which, by="ann", rate=rate, now=world.clock())


def shown(world: World) -> list[revivals.Revival]:
    """Oldest first."""
    with world.db.read() as tx:
        return revivals.find(tx)[::-1]


def test_a_portion_is_read_each_second_until_all_are(world: World, tmp_path: Path) -> None:
    world.absorb(*map(bad, range(25)))
    world.connect(connected(cases=knowing(tmp_path, "Exploded")))
    start(world, Which(connection="crm"), rate=10)
    for left in (15, 5, 0):
        world.work()
        assert len(world.dead()) == left
        world.clock.pass_(1)
    world.work()
    assert len(world.rows("case")) == 25
    [one] = shown(world)
    assert (one.what, one.by, one.foreseen, one.revived) == ("records", "ann", 25, 25)
    assert one.ended_at is not None
    assert world.waiting() == []


def test_at_once_knows_no_pause(world: World, tmp_path: Path) -> None:
    world.absorb(*map(bad, range(revivals.PAGE + 3)))
    world.connect(connected(cases=knowing(tmp_path, "Exploded")))
    world.read_again()
    assert (world.dead(), world.waiting()) == ([], [])


def test_one_that_is_stopped_leaves_the_rest_dead(world: World, tmp_path: Path) -> None:
    world.absorb(*map(bad, range(25)))
    world.connect(connected(cases=knowing(tmp_path, "Exploded")))
    number = start(world, Which(), rate=10)
    world.work()
    with world.db.write() as tx:
        assert revivals.cancel(tx, number, by="bob", now=world.clock())
    world.clock.pass_(1)
    world.work()
    assert (len(world.dead()), world.waiting()) == (15, [])


def test_records_that_die_later_are_not_meant(world: World) -> None:
    world.absorb(bad(1))
    start(world, Which(), rate=10)
    world.clock.pass_(5)
    world.absorb(bad(2))
    tried = world.clock()
    world.work()
    assert [letter.failed_at for letter in world.dead()][::-1] == [tried, tried]
    assert [one.revived for one in shown(world)] == [1]


def test_a_page_of_them_costs_few_statements(world: World, tmp_path: Path) -> None:
    world.absorb(*map(bad, range(200)))
    world.connect(connected(cases=knowing(tmp_path, "Exploded")))
    start(world, Which(), rate=revivals.AT_ONCE)
    claimed = world.claim()
    with world.counted() as sent:
        world.hub.handle(claimed)
    assert world.dead() == []
    assert len(sent) < 25


def test_a_worker_that_lost_the_job_applies_nothing(world: World, tmp_path: Path) -> None:
    world.absorb(bad(1))
    world.connect(connected(cases=knowing(tmp_path, "Exploded")))
    start(world, Which(), rate=10)
    claimed = world.claim()
    with world.db.write() as tx:
        queue.hand_back(tx, [claimed])
    with pytest.raises(LostLease):
        world.hub.handle(claimed)
    assert len(world.dead()) == 1


def test_one_that_the_database_refuses_holds_up_nobody(world: World, tmp_path: Path) -> None:
    world.absorb(*map(bad, range(5)))
    world.connect(connected(cases=knowing(tmp_path, "Exploded")))

    def refuse(_: Any, __: Any, sql: str, parameters: Any, *___: Any) -> None:
        if "sn_customerservice_case" in sql and "case 2" in str(parameters):
            raise RuntimeError("the disk has a hole")

    event.listen(world.db.engine, "before_cursor_execute", refuse)
    world.read_again()
    event.remove(world.db.engine, "before_cursor_execute", refuse)
    [letter] = world.dead()
    assert letter.external_id == "c002"
    assert letter.error == "could not be read again: RuntimeError: the disk has a hole"
    world.read_again()
    assert world.dead() == []


def test_what_is_no_longer_configured_stays_dead_and_holds_up_nobody(
    world: World, tmp_path: Path
) -> None:
    world.absorb(there("orders", "o1", Total="lots"))
    world.absorb(bad(1))
    world.connect(connected(streams=("cases",), cases=knowing(tmp_path, "Exploded")))
    world.read_again()
    assert [letter.external_id for letter in world.dead()] == ["o1"]
    assert world.letters() == []


def test_a_record_is_read_just_as_it_came(world: World, tmp_path: Path) -> None:
    """Not in the order of its keys: when it comes again it is known."""
    body = b'[{"Version": "2026-03-01T12:00:01+00:00",  "Status": "Exploded", "Id": "c1"}]'
    page = hub.Page(body=body, at="")
    first, *_ = mapped(MAPPINGS / "cases.yaml")
    world.absorb_records("cases", reading.records_in(page, "cases", first))
    world.read_again()
    assert bytes(world.dead()[0].raw) == body[1:-1]
    mended = knowing(tmp_path, "Exploded")
    world.connect(connected(cases=mended))
    world.read_again()
    with world.counted() as sent:
        counts = world.absorb_records("cases", reading.records_in(page, "cases", mended[0]))
    assert (counts.unchanged, len(sent)) == (1, 1)


def test_one_without_a_key_finds_its_place_in_order_once_it_has_one(
    world: World, tmp_path: Path
) -> None:
    body = b'[{"Ident": "c1", "Version": "2026-03-01T12:00:01+00:00", "Subject": "older"}]'
    first, *_ = mapped(MAPPINGS / "cases.yaml")
    world.absorb_records("cases", reading.records_in(hub.Page(body=body, at=""), "cases", first))
    world.absorb(there("cases", "c1", 2, Subject="newer"))
    keyed = altered(
        tmp_path, "cases", "key: Id\nversion", "key: Ident if Id is None else Id\nversion"
    )
    world.connect(connected(cases=keyed))
    world.read_again()
    assert world.dead() == []
    assert world.row("case", "c1")["short_description"] == "newer"


# -- by itself


def changed(world: World) -> int:
    """A process of the hub starts; how many revivals it begins, which are done then."""
    begun = world.hub.retry_where_mappings_changed()
    for _ in range(5):
        world.work()
        world.clock.pass_(1)
    return len(begun)


def test_a_changed_mapping_revives_what_died_of_it_once(world: World, tmp_path: Path) -> None:
    world.absorb(bad(1), bad(2, "Melted"), bad(3, "Burst"))
    assert changed(world) == 0, "nothing has changed"
    world.clock.pass_(60)

    world.connect(connected(cases=knowing(tmp_path, "Exploded")))
    assert changed(world) == 1
    assert [letter.external_id for letter in world.dead()] == ["c003", "c002"]
    assert [changed(world), changed(world)] == [0, 0], "what failed again died of the new one"

    world.clock.pass_(60)
    world.connect(connected(cases=knowing(tmp_path, "Exploded", "Melted")))
    assert changed(world) == 1
    assert [letter.external_id for letter in world.dead()] == ["c003"]
    first, second = shown(world)
    assert (first.by, first.foreseen, second.foreseen) == ("the hub: a mapping has changed", 3, 2)
    assert first.once is not None
    assert first.once.startswith("crm/cases elsewhere/cases@")


def test_a_mapping_that_is_changed_back_and_forth_counts_each_time(
    world: World, tmp_path: Path
) -> None:
    world.absorb(bad(1))
    before, after = connected(), connected(cases=knowing(tmp_path, "Melted"))
    for connection in (after, before, after, before):
        world.clock.pass_(60)
        world.connect(connection)
        assert (changed(world), changed(world)) == (1, 0)


def test_one_that_a_person_stopped_does_not_begin_again(world: World, tmp_path: Path) -> None:
    world.absorb(bad(1))
    world.clock.pass_(60)
    world.connect(connected(cases=knowing(tmp_path, "Exploded")))
    [number] = world.hub.retry_where_mappings_changed()
    with world.db.write() as tx:
        revivals.cancel(tx, number, by="ann", now=world.clock())
    assert changed(world) == 0
    assert len(world.dead()) == 1


def test_processes_that_start_at_once_begin_one(world: World, tmp_path: Path) -> None:
    world.absorb(bad(1))
    world.clock.pass_(60)
    world.connect(connected(cases=knowing(tmp_path, "Exploded")))
    hubs = [world.hub for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        begun = list(threads.map(Hub.retry_where_mappings_changed, hubs))
    assert sum(map(len, begun)) == 1


def test_a_process_that_still_has_the_old_mapping_leaves_it_to_others(
    world: World, tmp_path: Path
) -> None:
    old = world.hub
    world.absorb(bad(1))
    world.clock.pass_(60)
    world.connect(connected(cases=knowing(tmp_path, "Exploded")))
    world.hub.retry_where_mappings_changed()
    old.worker(threads=1).run_until_idle()
    assert (len(world.dead()), len(world.waiting("reread"))) == (1, 1)
    world.clock.pass_(30)
    world.work()
    assert world.dead() == []


def test_one_whose_mapping_has_changed_once_more_ends_in_the_end(
    world: World, tmp_path: Path
) -> None:
    old = world.hub
    world.absorb(bad(1))
    world.connect(connected(cases=knowing(tmp_path, "Melted")))
    world.hub.retry_where_mappings_changed()
    for _ in range(40):
        old.worker(threads=1).run_until_idle()
        world.clock.pass_(30)
    [one] = shown(world)
    assert (one.ended_at is not None, one.revived, world.waiting()) == (True, 0, [])


def test_what_the_entity_can_hold_is_part_of_what_a_record_dies_of() -> None:
    """A release that knows one more choice may read what could not be read before."""
    [mapping] = mapped(MAPPINGS / "cases.yaml")
    name, _, rest = reading.fate(mapping).partition("@")
    digest, _, form = rest.partition(".")
    assert (name, digest) == ("elsewhere/cases", mapping.digest)
    [other] = mapped(MAPPINGS / "contacts.yaml")
    assert len(form) == 8
    assert form != reading.fate(other).rpartition(".")[2]


def test_a_connection_that_is_gone_begins_nothing(world: World) -> None:
    world.absorb(bad(1))
    world.connections = Connections([])
    assert world.hub.retry_where_mappings_changed() == []


def test_a_process_that_starts_looks_for_changes_by_itself(world: World, tmp_path: Path) -> None:
    world.absorb(bad(1))
    world.clock.pass_(60)
    world.connect(connected(cases=knowing(tmp_path, "Exploded")))
    arrived = threading.Event()

    def watch(_: str, __: str, counts: Counts) -> None:
        if counts.created:
            arrived.set()

    with at_work(replace(world.hub, watch=watch), threads=1, timetable=True):
        assert arrived.wait(DEADLINE)
    assert world.dead() == []


# -- groups


def groups(world: World, **which: Any) -> list[dead.Group]:
    with world.db.read() as tx:
        return dead.groups(tx, Which(**which))


def test_records_are_grouped_by_line_field_and_reason_whatever_the_value(world: World) -> None:
    world.absorb(bad(1), bad(2, "Melted"), there("cases", "c9", CreatedDate="yesterday"))
    world.clock.pass_(60)
    world.absorb(bad(3, "Burst"))
    status, date = groups(world)
    assert (status.count, status.place, status.field) == (3, "cases.yaml:14", "state")
    assert status.reason == "no value for …"
    assert status.latest - status.since == 60
    assert [value for _, _, value in status.samples] == ["'Burst'", "'Melted'", "'Exploded'"]
    assert [id for _, id, _ in status.samples] == ["c003", "c002", "c001"]
    assert (date.count, date.field, date.reason) == (
        1,
        "opened_at",
        "… is no ISO 8601 date and time",
    )


def test_the_id_of_a_group_stays(world: World) -> None:
    world.absorb(bad(1))
    [before] = groups(world)
    world.read_again()
    world.absorb(bad(2, "Melted"))
    [after] = groups(world)
    assert (before.group, before.since) == (after.group, after.since)
    assert len(before.group) == 9


def test_letters_are_chosen_by_any_property_of_their_group(world: World) -> None:
    world.absorb(bad(1), bad(2, "Melted"), there("cases", "c9", CreatedDate="yesterday"))
    world.absorb(there("orders", "o1", Total="lots"))

    def chosen(**which: Any) -> set[str]:
        with world.db.read() as tx:
            found = {row.external_id for row in dead.find(tx, Which(**which))}
            assert dead.count(tx, Which(**which)) == len(found)
        assert sum(one.count for one in groups(world, **which)) == len(found)
        return found

    [state] = [one for one in groups(world) if one.field == "state"]
    assert chosen(group=state.group) == chosen(field="state") == {"c001", "c002"}
    assert chosen(reason="NO VALUE for") == chosen(reason="no value for …") == {"c001", "c002"}
    assert chosen(reason="no value for 'Melted'") == chosen(value="melt") == {"c002"}
    assert chosen(mapping="cases.yaml") == {"c001", "c002", "c9"}
    assert chosen(mapping="elsewhere/cases") == {"c001", "c002", "c9"}
    assert chosen(mapping="cases.yaml:14") == {"c001", "c002"}
    assert chosen(mapping="cases.yaml:1") == chosen(value="%") == chosen(field="stat") == set()
    assert chosen(stream="orders", connection="crm") == {"o1"}


def test_a_retry_of_a_group_leaves_the_others(world: World) -> None:
    world.absorb(bad(1), there("cases", "c9", CreatedDate="yesterday"))
    [state] = [one for one in groups(world) if one.field == "state"]
    tried = world.clock()
    world.clock.pass_(60)
    start(world, Which(group=state.group), rate=revivals.AT_ONCE)
    world.work()
    assert {row.external_id: row.failed_at - tried for row in world.dead()} == {"c001": 60, "c9": 0}


def test_items_of_a_list_are_one_cause(world: World) -> None:
    notes = [{"Id": f"n{n}", "Text": "a", "Public": "maybe", "At": at(1)} for n in range(3)]
    world.absorb(there("cases", "c1", Comments=notes[:1]), there("cases", "c2", Comments=notes[1:]))
    world.absorb(there("cases", "c3", Comments=[{}, *notes]))
    assert {one.field for one in groups(world)} <= {"comments[].element", "comments[].key"}
    assert sum(one.count for one in groups(world)) == 3
