"""Fields that come up, go or change their type are noticed, and hold a stream if its mapping says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub.store import cursors
from hub.store import drift as stored
from hub.sync.jobs import Poll
from hub.sync.schema import drift
from hub.sync.schema.drift import Finding
from hub.sync.schema.profile import ENOUGH, MOST_PATHS
from hub.sync.schema.shapes import DEPTH, MOST_KEYS, shape_of, spread
from hub.sync.status import status
from tests.sync.elsewhere import Elsewhere, System
from tests.sync.world import World, altered, connected

CASES = Poll("crm", "cases")
PAGE = 3


@pytest.fixture
def system(world: World) -> System:
    """Thirty cases that the hub knows, in pages of three: every record is looked at."""
    system = world.system()
    system.page_size = PAGE
    send(system, 30)
    world.run(CASES)
    return system


def send(system: System, count: int, start: int = 0, **values: Any) -> None:
    told = {"Subject": "Till is dead", "Status": "New", "Impact": 1, "Extra": "x"} | values
    for number in range(start, start + count):
        table = system.table("cases")
        table.pop(f"c{number}", None)
        system.set("cases", f"c{number}", **{k: v for k, v in told.items() if v is not ...})


def found(world: World) -> dict[str, Finding]:
    with world.db.read() as tx:
        there = drift.findings(tx, world.connections["crm"], "cases")["cases"]
    return {one.path: one for one in there}


def states(world: World) -> dict[str, str]:
    return {path: one.state for path, one in found(world).items()}


def accept(world: World, path: str = "") -> list[Finding]:
    return drift.accept(world.db, world.connections, "crm", "cases", path, now=world.clock())


def holding(world: World, folder: Path, word: str = "hold") -> None:
    """The same connection, whose cases stop for drift."""
    mapping = altered(folder, "cases", "to: case\n", f"to: case\ndrift: {word}\n")
    world.connect(connected(spoke=world.connections["crm"].spoke, cases=mapping))


def of_cases(world: World) -> Any:
    with world.db.read() as tx:
        [one] = status(tx, world.connections, now=world.clock())
    return next(part for part in one.streams if part.stream == "cases")


def test_the_records_of_a_first_run_are_no_news(world: World, system: System) -> None:
    assert found(world) == {}
    with world.db.read() as tx:
        fields = stored.of_stream(tx, "crm", "cases")
    assert fields["Subject"].kinds == {"string"}
    assert (fields["Subject"].seen, fields["Subject"].looked) == (30, 30)
    assert fields["Subject"].mapped
    assert not fields["Extra"].mapped
    assert fields[""].state == "known"
    assert system.changes


def test_a_field_that_comes_up_is_new(world: World, system: System) -> None:
    send(system, 3, Region__c="north")
    world.run(CASES)
    assert states(world) == {"Region__c": "new"}
    one = found(world)["Region__c"]
    assert (one.kinds, one.touches, one.seen, one.looked) == (["string"], [], 3, 3)
    assert str(one) == "Region__c is new: string"


def test_a_field_that_a_mapping_reads_is_expected(world: World, system: System) -> None:
    send(system, 3, Description="long", AccountId="a1")
    world.run(CASES)
    assert found(world) == {}


def test_an_object_that_comes_up_is_told_of_once(world: World, system: System) -> None:
    send(system, 3, Owner={"Name": "Ada", "Team": {"Id": 1}})
    world.run(CASES)
    assert states(world) == {"Owner": "new"}


def test_a_field_of_another_type_is_changed_and_names_its_line(
    world: World, system: System
) -> None:
    send(system, 1, Subject=None)  # null is no type
    send(system, 1, 1, Subject=4711)
    world.run(CASES)
    assert states(world) == {"Subject": "changed"}
    one = found(world)["Subject"]
    assert (one.was, one.kinds) == (["null", "string"], ["null", "number", "string"])
    assert one.touches == ["cases.yaml:12 short_description"]
    assert str(one) == (
        "Subject was null or string, now also number (cases.yaml:12 short_description)"
    )


def test_what_only_was_null_may_become_anything(world: World, system: System) -> None:
    send(system, 1, Extra2=None)
    world.run(CASES)
    accept(world)
    send(system, 1, Extra2="x")
    world.run(CASES)
    assert found(world) == {}


def test_a_field_that_nobody_has_any_more_is_gone(world: World, system: System) -> None:
    send(system, ENOUGH - 1, Subject=..., Extra=...)
    world.run(CASES)
    assert found(world) == {}
    send(system, 3, ENOUGH, Subject=..., Extra=...)
    world.run(CASES)
    assert states(world) == {"Subject": "gone", "Extra": "gone"}
    assert found(world)["Subject"].touches == ["cases.yaml:12 short_description"]


def test_a_field_that_comes_back_is_known_again(world: World, system: System) -> None:
    send(system, ENOUGH + 1, Extra=...)
    world.run(CASES)
    assert states(world) == {"Extra": "gone"}
    send(system, 1)
    world.run(CASES)
    assert found(world) == {}


def test_null_is_not_absent(world: World, system: System) -> None:
    send(system, 3 * ENOUGH, Subject=None, Extra=None)
    world.run(CASES)
    assert found(world) == {}


def test_sparse_fields_do_not_flap(world: World, system: System) -> None:
    """One in twenty has it, mapped or not: long rows without it mean nothing."""
    for number in range(300):
        sparse = {"Sparse": "s", "Region": "north"} if number % 20 == 7 else {}
        send(system, 1, number, **sparse)
        if number % 50 == 0:
            world.run(CASES)
    world.run(CASES)
    accept(world)  # Sparse came up once
    for number in range(300, 900):
        sparse = {"Sparse": "s", "Region": "north"} if number in {390, 480, 601, 890} else {}
        send(system, 1, number, **sparse)
        if number % 60 == 29:
            world.run(CASES)
            assert found(world) == {}


def test_what_is_below_nothing_is_not_missed(world: World, system: System) -> None:
    send(system, 30, 100, Comments=[{"Id": "1", "Text": "t"}], Owner={"Name": "Ada"})
    world.run(CASES)
    accept(world)
    send(system, 30, 200, Comments=[], Owner=None)
    world.run(CASES)
    assert found(world) == {}


def test_a_field_that_the_mapping_does_not_ask_for_any_more_is_forgotten(
    world: World, system: System, tmp_path: Path
) -> None:
    spoke = Elsewhere.of(system)
    world.connect(
        connected(
            spoke=spoke, cases=altered(tmp_path, "cases", "  impact:            Impact\n", "")
        )
    )
    send(system, ENOUGH + 3, Impact=...)
    world.run(CASES)
    assert found(world) == {}
    with world.db.read() as tx:
        assert "Impact" not in stored.of_stream(tx, "crm", "cases")


def test_a_field_that_is_mapped_afterwards_is_no_news_any_more(
    world: World, system: System, tmp_path: Path
) -> None:
    send(system, 3, Region__c="north")
    world.run(CASES)
    own = altered(tmp_path, "cases", "u_region:          Region", "u_region: Region__c")
    world.connect(connected(spoke=Elsewhere.of(system), cases=own))
    assert found(world) == {}


def test_what_is_accepted_is_known_and_what_is_gone_is_not_missed(
    world: World, system: System
) -> None:
    send(system, ENOUGH + 3, Extra=..., Impact="high", Region__c="north")
    world.run(CASES)
    assert states(world) == {"Extra": "gone", "Impact": "changed", "Region__c": "new"}
    assert [one.path for one in accept(world, "Impact")] == ["Impact"]
    assert states(world) == {"Extra": "gone", "Region__c": "new"}
    assert accept(world, "Impact") == []
    assert len(accept(world)) == 2
    send(system, ENOUGH + 3, 50, Extra=..., Impact="high", Region__c="north")
    world.run(CASES)
    assert found(world) == {}


def test_nothing_is_looked_at_where_the_mapping_says_ignore(
    world: World, system: System, tmp_path: Path
) -> None:
    holding(world, tmp_path, "ignore")
    send(system, 3, Region__c="north")
    world.run(CASES)
    assert found(world) == {}
    with world.db.read() as tx:
        assert "Region__c" not in stored.of_stream(tx, "crm", "cases")


def test_hold_stops_the_stream_before_the_page_until_somebody_accepts(
    world: World, system: System, tmp_path: Path
) -> None:
    holding(world, tmp_path)
    send(system, PAGE, Subject="before")
    send(system, PAGE, 10, Subject="after", Region__c="north")
    world.run(CASES)
    assert world.row("case", "c0")["short_description"] == "before"
    assert world.row("case", "c10")["short_description"] == "Till is dead"
    one = of_cases(world)
    assert (one.state, one.last_run["state"]) == ("held", "held")
    assert one.reason == "their records have changed: Region__c is new: string"
    assert "hub drift accept crm/cases" in one.next_step
    with world.db.read() as tx:
        before = cursors.load(tx, "crm", "cases")
    world.run(CASES)  # it waits: nothing is asked
    with world.db.read() as tx:
        assert cursors.load(tx, "crm", "cases") == before
    accept(world)
    assert world.waiting("poll") == ["crm/cases"]
    assert world.work() >= 1
    assert world.row("case", "c10")["short_description"] == "after"
    assert of_cases(world).state == "ok"


def test_a_stream_goes_on_when_its_mapping_does_not_hold_it_any_more(
    world: World, system: System, tmp_path: Path
) -> None:
    holding(world, tmp_path)
    send(system, PAGE, 10, Subject="after", Region__c="north")
    world.run(CASES)
    holding(world, tmp_path, "note")
    world.run(CASES)
    assert world.row("case", "c10")["short_description"] == "after"
    assert [one.path for one in of_cases(world).drift] == ["Region__c"]


def test_the_policy_makes_no_other_mapping_of_it(world: World, tmp_path: Path) -> None:
    plain = world.connections["crm"].mappings["cases"][0].digest
    holding(world, tmp_path)
    assert world.connections["crm"].mappings["cases"][0].digest == plain


def test_a_hostile_record_does_not_grow_the_table(world: World, system: System) -> None:
    hostile: dict[str, Any] = {f"k{n}": {"deep": n} for n in range(100_000)}
    send(system, 3, **hostile, Status="New")
    world.run(CASES)
    with world.db.read() as tx:
        fields = stored.of_stream(tx, "crm", "cases")
        assert stored.counts(tx)["crm", "cases"] == len(fields) == MOST_PATHS
    assert world.row("case", "c0")["short_description"] == "Till is dead"


def test_what_is_mapped_is_watched_even_where_the_table_is_full(
    world: World, system: System
) -> None:
    wide: dict[str, Any] = {f"k{n}": 1 for n in range(2000)}
    send(system, 3, **wide)
    world.run(CASES)
    send(system, 3, Description="now")
    world.run(CASES)
    with world.db.read() as tx:
        assert stored.of_stream(tx, "crm", "cases")["Description"].mapped


def test_odd_names_are_left_alone(world: World, system: System) -> None:
    odd: dict[str, Any] = {"\ud800": 1, "nul\x00": 1, "l" * 300: 1, "": 1, "a.b": 1, "⟨é⟩": 1}
    send(system, 3, **odd)
    world.run(CASES)
    assert states(world).keys() <= {"", "a.b", "⟨é⟩"}


def test_deep_records_are_looked_at_no_further_than_the_bound() -> None:
    deep: Any = 1
    for _ in range(1000):
        deep = {"a": deep}
    assert max(path.count(".") for path in shape_of(deep).kinds) == DEPTH - 1


def test_a_wide_record_is_no_proof_of_absence() -> None:
    shape = shape_of({f"k{n}": 1 for n in range(MOST_KEYS + 1)})
    assert shape.overfull
    assert "" not in shape.inside


def test_a_page_is_sampled_evenly() -> None:
    assert spread(range(1000), 3) == [0, 499, 999]
    assert spread(range(2), 3) == [0, 1]


def test_a_page_without_news_costs_no_statement(world: World, system: System) -> None:
    crm, watch = world.connections["crm"], world.hub.drift
    changes = system.changes[:PAGE]
    watch.look(world.db, crm, "cases", changes, now=world.clock())
    with world.counted() as sent:
        for _ in range(10):
            assert watch.look(world.db, crm, "cases", changes, now=world.clock()) == []
    assert sent == []
    with world.counted() as sent:
        watch.flush(world.db, crm, "cases", ended=True)
    assert len(sent) == 1


def test_another_process_that_has_not_heard_of_it_tells_it_once(
    world: World, system: System
) -> None:
    crm, first, second = world.connections["crm"], world.hub.drift, world.hub.drift
    known = system.changes[:PAGE]
    first.look(world.db, crm, "cases", known, now=1.0)
    second.look(world.db, crm, "cases", known, now=1.0)
    send(system, 3, Region__c="north")
    first.look(world.db, crm, "cases", system.changes[-PAGE:], now=2.0)
    accept(world)
    second.look(world.db, crm, "cases", system.changes[-PAGE:], now=3.0)
    assert found(world) == {}


def test_webhooks_wait_with_the_stream_and_the_next_poll_brings_them(
    world: World, system: System, tmp_path: Path
) -> None:
    holding(world, tmp_path)
    send(system, 1, 10, Subject="after", Region__c="north")
    changes = system.changes[-1:]
    world.run(CASES)
    crm = world.connections["crm"]
    assert world.hub.inbound._not_held(crm, changes) == []
    system.remove("cases", "c3")
    assert len(world.hub.inbound._not_held(crm, system.changes[-1:])) == 1
    accept(world)
    assert world.hub.inbound._not_held(crm, changes) == changes


def test_what_was_below_a_field_that_is_gone_goes_with_it(world: World, system: System) -> None:
    send(system, 30, 100, Owner={"Name": "Ada", "Team": {"Id": 1}})
    world.run(CASES)
    accept(world)
    send(system, ENOUGH + 3, 200)
    world.run(CASES)
    assert states(world) == {"Owner": "gone"}
    accept(world)
    send(system, ENOUGH + 3, 300)
    world.run(CASES)
    assert found(world) == {}


def test_a_backfill_waits_with_the_stream(world: World, system: System, tmp_path: Path) -> None:
    holding(world, tmp_path)
    send(system, PAGE, 10, Subject="after", Region__c="north")
    hub = world.hub
    hub.backfill("crm", "cases", start=None, foreseen=None, by="ann")
    hub.worker(threads=1).run_until_idle()
    assert states(world) == {"Region__c": "new"}
    assert world.row("case", "c10")["short_description"] == "Till is dead"
    accept(world)
    assert {"crm/cases"} == {*world.waiting("backfill"), *world.waiting("poll")}
    world.work()
    assert world.row("case", "c10")["short_description"] == "after"
