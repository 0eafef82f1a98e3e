"""A record is written outward: what changed, to those who show it, once."""

from __future__ import annotations

from pathlib import Path

import pytest

import hub
from hub.store import entities
from hub.sync.jobs import Poll, Push
from hub.sync.records.amend import Patch
from tests.sync.elsewhere import System
from tests.sync.world import World, altered, connected

CASES = Poll("crm", "cases")
TABLE = "sn_customerservice_case"
FULL: dict[str, object] = {
    "Subject": "Till", "Description": None, "Status": "Open", "Impact": "2", "Urgency": "2",
    "Priority": "3", "AccountId": None, "ContactId": None, "ParentId": None, "CreatedDate": None,
    "Seconds": None, "Region": "north", "Ticket": None, "Comments": [],
}  # fmt: skip


@pytest.fixture
def system(world: World) -> System:
    """One case, which the hub knows."""
    system = world.system()
    system.set("cases", "c1", **FULL)
    world.run(CASES)
    return system


def push(sys_id: str) -> Push:
    return Push("crm", "cases", TABLE, sys_id)


def test_only_what_changed_is_sent(world: World, system: System) -> None:
    sys_id = world.sys_id("case", "c1")
    world.edit("case", sys_id, short_description="Till is dead", state="18")
    world.work()
    [write] = system.writes
    assert write.id == "c1"
    assert write.data == {"Subject": "Till is dead", "Status": "Waiting"}
    assert system.get("cases", "c1")["Subject"] == "Till is dead"


def test_fields_that_they_do_not_show_are_not_sent(world: World) -> None:
    """A field that is hidden from our user is neither blank nor ours to fill."""
    system = world.system()
    system.set("cases", "c1", Subject="Till")
    world.run(CASES)
    sys_id = world.sys_id("case", "c1")
    world.edit("case", sys_id, short_description="Till is dead")
    world.work()
    assert [write.data for write in system.writes] == [{"Subject": "Till is dead"}]
    world.edit("case", sys_id, impact="1")
    world.work()
    assert system.writes[-1].data == {"Impact": "high", "Priority": "moderate"}


def test_their_fewer_words_do_not_come_back_as_a_change(world: World, tmp_path: Path) -> None:
    """They know no critical priority: what is critical here is high there, and stays so."""
    fewer = '  priority:          {in: Priority, out: {Priority: \'"high" if priority == "critical" else priority\'}}\n'
    cases = altered(tmp_path, "cases", "  priority:          Priority\n", fewer)
    world.connect(connected(cases=cases))
    system = world.system()
    system.set("cases", "c1", **FULL | {"Impact": "1", "Urgency": "2", "Priority": "2"})
    world.run(CASES)
    sys_id = world.sys_id("case", "c1")
    world.edit("case", sys_id, urgency="1")
    assert world.of("case", sys_id)["priority"] == "1"
    world.work()
    assert "Priority" not in system.writes[-1].data, "for them it is high already"
    system.set("cases", "c1", Description="Something else")
    world.run(CASES)
    assert world.of("case", sys_id)["priority"] == "1"
    writes = len(system.writes)
    world.edit("case", sys_id, short_description="Still critical")
    world.work()
    assert [write.data for write in system.writes[writes:]] == [{"Subject": "Still critical"}]


def test_an_echo_dies(world: World, system: System) -> None:
    sys_id = world.sys_id("case", "c1")
    world.edit("case", sys_id, short_description="Till is dead")
    world.work()
    row, audits = world.row("case", "c1"), world.count("sys_audit")
    world.clock.pass_(60)
    world.run(CASES)
    assert (world.row("case", "c1"), world.count("sys_audit")) == (row, audits)
    world.work()
    assert len(system.writes) == 1


def test_an_edit_that_changes_nothing_is_not_sent(world: World, system: System) -> None:
    world.edit("case", world.sys_id("case", "c1"), short_description="Till")
    assert world.waiting("push") == []
    assert system.writes == []


def test_an_edit_that_was_taken_back_is_not_sent(world: World, system: System) -> None:
    sys_id = world.sys_id("case", "c1")
    world.edit("case", sys_id, short_description="Tell")
    world.edit("case", sys_id, short_description="Till")
    world.work()
    assert system.writes == []


def test_ten_quick_edits_are_one_write(world: World, system: System) -> None:
    sys_id = world.sys_id("case", "c1")
    for number in range(10):
        world.edit("case", sys_id, short_description=f"Till {number}")
    assert world.waiting("push").count(push(sys_id).key) == 1
    world.work()
    assert [write.data for write in system.writes] == [{"Subject": "Till 9"}]


def test_a_change_of_what_they_do_not_show_is_not_sent(world: World, system: System) -> None:
    world.edit("case", world.sys_id("case", "c1"), cause="Coffee")
    assert world.waiting("push") == []
    assert system.writes == []


def test_a_cleared_field_is_sent_as_null(world: World, system: System) -> None:
    world.edit("case", world.sys_id("case", "c1"), u_region=None)
    world.work()
    assert system.writes[-1].data == {"Region": None}


def made(world: World, **values: object) -> str:
    [result] = world.amend(
        Patch(entities.find("case"), "0123456789abcdef0123456789abcdef", values, fresh=True)
    )
    return str(result.row["sys_id"])


def test_a_record_of_ours_is_made_there_with_its_id_as_key_and_stamp(world: World) -> None:
    system = world.system()
    sys_id = made(world, short_description="Till", state="10")
    world.work()
    [write] = system.writes
    assert (write.id, write.key, write.data["Hub_Id"]) == (None, sys_id, sys_id)
    assert (write.data["Subject"], write.data["Status"]) == ("Till", "Open")
    assert "Description" not in write.data
    assert world.link("case", "new-1").sys_id == sys_id


def test_the_echo_of_a_creation_dies_as_well(world: World) -> None:
    sys_id = made(world, short_description="Till")
    world.work()
    before = world.of("case", sys_id)
    world.run(CASES)
    assert world.rows("case") == [before]
    assert len(world.system().writes) == 1


def test_a_mapping_without_a_stamp_makes_nothing_there(world: World) -> None:
    world.amend(Patch(entities.find("contact"), "p" * 32, {"last_name": "Zoe"}, fresh=True))
    world.work()
    assert (world.system().writes, world.letters()) == ([], [])


class Crash(BaseException):
    """The process dies."""


def test_a_crash_before_we_know_of_the_new_record_makes_no_second_one(world: World) -> None:
    system = world.system()
    sys_id = made(world, short_description="Till")
    world.forget_jobs()

    def crash(_: hub.Write) -> None:
        system.after = lambda _: None
        raise Crash

    system.after = crash
    world.put(push(sys_id))
    claimed = world.claim()
    with pytest.raises(Crash):
        world.hub.handle(claimed)
    world.hub.handle(claimed)
    assert [write.key for write in system.writes] == [sys_id, sys_id]
    assert list(system.table("cases")) == ["new-1"]
    assert world.link("case", "new-1").sys_id == sys_id


def test_their_webhook_may_come_before_we_know_of_the_new_record(world: World) -> None:
    system = world.system()
    sys_id = made(world, short_description="Till")

    def told(_: hub.Write) -> None:
        world.absorb(system.changes[-1])

    system.after = told
    world.work()
    assert len(world.rows("case")) == 1
    assert world.link("case", "new-1").sys_id == sys_id
    world.run(CASES)
    assert (len(world.rows("case")), len(system.writes)) == (1, 1)


def test_what_a_poll_brought_during_the_write_is_not_forgotten(
    world: World, system: System
) -> None:
    def told(_: hub.Write) -> None:
        system.after = lambda _: None
        system.set("cases", "c1", Region="south")
        world.absorb(system.changes[-1])

    system.after = told
    sys_id = world.sys_id("case", "c1")
    world.edit("case", sys_id, short_description="Till is dead")
    world.work()
    world.edit("case", sys_id, state="18")
    world.work()
    assert system.writes[-1].data == {"Status": "Waiting"}
    assert world.row("case", "c1")["hub_custom"] == {"u_region": "south"}


def test_a_record_that_is_gone_there_is_left_to_the_next_poll(world: World, system: System) -> None:
    sys_id = world.sys_id("case", "c1")
    system.remove("cases", "c1")
    world.edit("case", sys_id, short_description="Till is dead")
    world.work()
    assert (world.waiting(), world.letters()) == ([], [])
    world.run(CASES)
    assert world.row("case", "c1")["state"] == "7"


def test_a_record_that_we_know_to_be_gone_is_not_written(world: World, system: System) -> None:
    system.remove("cases", "c1")
    world.run(CASES)
    world.run(push(world.sys_id("case", "c1")))
    assert system.writes == []


def test_a_conflict_makes_us_listen_before_we_insist(world: World, system: System) -> None:
    sys_id = world.sys_id("case", "c1")
    world.edit("case", sys_id, short_description="Till is dead")
    system.set("cases", "c1", Region="south")
    world.work()
    assert world.row("case", "c1")["hub_custom"] == {"u_region": "south"}, "the poll ran"
    world.clock.pass_(60)
    world.work()
    assert [write.data for write in system.writes] == [{"Subject": "Till is dead"}] * 2
    assert system.get("cases", "c1")["Subject"] == "Till is dead"
    assert system.get("cases", "c1")["Region"] == "south"
    assert world.letters() == []


def test_what_they_refuse_is_a_dead_letter_with_their_words(world: World, system: System) -> None:
    def refuse(_: hub.Write) -> None:
        raise hub.Permanent("Subject: too rude")

    system.before = refuse
    world.edit("case", world.sys_id("case", "c1"), short_description="Damn")
    world.work()
    [letter] = world.letters()
    assert (letter.kind, letter.reason) == ("push", "refused")
    assert "too rude" in letter.error


def test_a_reference_is_sent_by_their_id(world: World, system: System) -> None:
    system.set("accounts", "a1")
    system.set("cases", "c2", **FULL)
    world.run(Poll("crm", "accounts"))
    world.run(CASES)
    world.edit(
        "case", world.sys_id("case", "c1"), account=world.sys_id("account", "a1"),
        parent=world.sys_id("case", "c2"),
    )  # fmt: skip
    world.work()
    assert system.writes[-1].data == {"AccountId": "a1", "ParentId": "c2"}


def test_a_reference_that_they_do_not_know_yet_is_waited_for(world: World, system: System) -> None:
    world.amend(Patch(entities.find("account"), "a" * 32, {"name": "Brookfield"}, fresh=True))
    account_first = world.waiting("push")
    world.forget_jobs()
    world.edit("case", world.sys_id("case", "c1"), account="a" * 32)
    world.work()
    assert (system.writes, len(world.waiting("push"))) == ([], 1)
    assert account_first == [f"crm/accounts/customer_account/{'a' * 32}"]
    world.put(Push("crm", "accounts", "customer_account", "a" * 32))
    world.work()
    world.clock.pass_(60)
    world.work()
    assert system.writes[-1].data == {"AccountId": "new-1"}


def test_of_two_links_of_a_record_the_living_one_is_written(world: World, system: System) -> None:
    system.set("cases", "c1", Ticket="T1")
    world.run(CASES)
    system.remove("cases", "c1")
    world.run(CASES)
    system.set("cases", "c9", **{**FULL, "Ticket": "T1"})
    world.run(CASES)
    sys_id = world.sys_id("case", "c9")
    assert sys_id == world.sys_id("case", "c1")
    world.edit("case", sys_id, description="Since seven")
    world.work()
    assert [(write.id, write.data) for write in system.writes] == [
        ("c9", {"Description": "Since seven"})
    ]


def test_a_write_is_repeated_with_the_same_key(world: World, system: System) -> None:
    def fail(_: hub.Write) -> None:
        system.before = lambda _: None
        raise hub.Transient("timeout")

    system.before = fail
    world.edit("case", world.sys_id("case", "c1"), short_description="Till is dead")
    world.work()
    world.clock.pass_(60)
    world.work()
    one, other = system.writes
    assert one == other


def test_a_push_of_a_record_that_is_not_there_ends(world: World) -> None:
    world.run(push("f" * 32))
    assert world.system().writes == []


def test_what_one_system_tells_goes_to_the_others_and_not_back(world: World) -> None:
    world.connect(connected(), connected("erp"))
    crm, erp = world.system("crm"), world.system("erp")
    crm.set("accounts", "a1", Name="Brookfield", Duns="D-1")
    world.run(Poll("crm", "accounts"))
    world.work()
    assert crm.writes == []
    [write] = erp.writes
    assert (write.id, write.data["Name"]) == (None, "Brookfield")
