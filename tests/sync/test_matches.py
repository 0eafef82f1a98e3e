"""Who is the same person: rules propose, people decide, and everything can be taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.errors import NotFound, Permanent
from hub.service.rules import Refused
from hub.store import entities, matches
from hub.store.matches import Match
from hub.sync.records import duplicates, matching
from hub.sync.records.amend import Patch
from tests.sync.elsewhere import there
from tests.sync.world import World, altered, connected

RULES = "match:\n  - registration_code\n  - [name, zip]\n"
ASKS = "match: [registration_code, {by: [name, zip], ask: true}]\n"


@pytest.fixture
def asking(world: World, tmp_path: Path) -> World:
    """A CRM whose accounts are only proposed to be one when no more than name and place agree."""
    accounts = altered(tmp_path, "accounts", RULES, ASKS)
    world.connect(connected(accounts=accounts), connected("erp", accounts=accounts))
    return world


def made(world: World, entity: str, sys_id: str, **values: object) -> str:
    world.amend(Patch(entities.find(entity), sys_id, values, fresh=True))
    world.clock.pass_(1)
    return sys_id


def found(world: World, state: matches.State) -> list[Match]:
    with world.db.read() as tx:
        return matches.all_of(tx, state)


def decide(world: World, what: str, number: int) -> Match:
    with world.db.write() as tx:
        if what == "reject":
            return matching.reject(tx, number, by="ops", now=world.now)
        act = matching.accept if what == "accept" else matching.undo
        return act(tx, world.connections, number, by="ops", now=world.now)


class TestWhatARuleFinds:
    def test_is_only_proposed_where_the_rule_asks(self, asking: World) -> None:
        ours = made(asking, "account", "ours", name="Brookfield", zip="97321")
        asking.absorb(there("accounts", "a1", Name="Brookfield", Zip="97321"))
        assert asking.sys_id("account", "a1") != ours
        [match] = found(asking, "waiting")
        assert (match.external_id, match.candidate, match.rule) == ("a1", "ours", "name, zip")

    def test_waits_for_a_person_where_it_is_several(self, world: World) -> None:
        for n in range(7):
            made(world, "account", f"shared{n}", registration_code="D-1")
        world.absorb(there("accounts", "a1", Duns="D-1"))
        assert [m.candidate for m in found(world, "waiting")] == [
            f"shared{n}" for n in (4, 3, 2, 1, 0)
        ], "no more than five: what many share tells nothing"

    def test_is_noted_where_it_is_certain(self, world: World) -> None:
        made(world, "account", "ours", registration_code="D-1")
        world.absorb(there("accounts", "a1", Duns="D-1"))
        [match] = found(world, "adopted")
        assert (match.candidate, match.rule) == ("ours", "registration_code")

    def test_is_nothing_where_they_do_not_vouch_for_it(self, world: World, tmp_path: Path) -> None:
        vouched = "match: [{by: registration_code, when: Verified}]\n"
        accounts = altered(tmp_path, "accounts", RULES, vouched)
        world.connect(connected(accounts=accounts))
        made(world, "account", "ours", registration_code="D-1")
        odd: list[object] = [False, None, "", 0]
        world.absorb(
            *(there("accounts", f"a{n}", Duns="D-1", Verified=it) for n, it in enumerate(odd)),
            there("accounts", "none", Duns="D-1"),
        )
        assert len(world.rows("account")) == 6
        assert (found(world, "waiting"), found(world, "adopted")) == ([], [])
        world.absorb(there("accounts", "sure", Duns="D-1", Verified=True))
        assert len(world.rows("account")) == 7, "several have that code now: nobody is adopted"
        assert {m.external_id for m in found(world, "waiting")} == {"sure"}


class TestWhenAPersonAgrees:
    @pytest.fixture
    def number(self, asking: World) -> int:
        """`ours` is proposed to be a1, which a case and a contact of theirs refer to."""
        made(asking, "account", "ours", name="Brookfield", zip="97321", phone="+1 5551")
        asking.absorb(
            there("accounts", "a1", Name="Brookfield", Zip="97321", Duns="D-1"),
            there("accounts", "a2", Name="Other"),
        )
        asking.absorb(there("contacts", "p1", LastName="Zoe", AccountId="a1"))
        asking.absorb(there("cases", "c1", Subject="Till", AccountId="a1"))
        [match] = found(asking, "waiting")
        return match.id

    def test_the_two_become_the_older_one(self, asking: World, number: int) -> None:
        decide(asking, "accept", number)
        assert asking.sys_id("account", "a1") == "ours"
        assert {row["sys_id"] for row in asking.rows("account")} == {
            "ours", asking.sys_id("account", "a2"),
        }  # fmt: skip
        assert asking.row("account", "a1")["registration_code"] == "D-1", "it takes over"
        assert asking.row("account", "a1")["phone"] == "+1 5551", "and keeps"

    def test_whoever_referred_to_the_one_refers_to_the_other(
        self, asking: World, number: int
    ) -> None:
        decide(asking, "accept", number)
        assert asking.row("contact", "p1")["account"] == "ours"
        assert asking.row("case", "c1")["account"] == "ours"

    def test_what_comes_later_lands_on_the_one_that_stayed(
        self, asking: World, number: int
    ) -> None:
        decide(asking, "accept", number)
        asking.absorb(there("accounts", "a1", 9, Name="Brookfield Ltd", Zip="97321", Duns="D-1"))
        assert asking.of("account", "ours")["name"] == "Brookfield Ltd"

    def test_it_can_be_undone(self, asking: World, number: int) -> None:
        before = {row["sys_id"]: row for row in asking.rows("account")}
        own = asking.sys_id("account", "a1")
        decide(asking, "accept", number)
        asking.clock.pass_(60)
        decide(asking, "undo", number)
        after = {row["sys_id"]: row for row in asking.rows("account")}
        changed = {"sys_updated_on", "sys_updated_by", "sys_mod_count"}
        for sys_id, row in before.items():
            assert {k: v for k, v in after[sys_id].items() if k not in changed} == {
                k: v for k, v in row.items() if k not in changed
            }
        assert asking.sys_id("account", "a1") == own
        assert asking.row("case", "c1")["account"] == own
        assert asking.row("contact", "p1")["account"] == own

    def test_what_changed_since_stays_with_the_one_that_stayed(
        self, asking: World, number: int
    ) -> None:
        decide(asking, "accept", number)
        asking.edit("account", "ours", registration_code="D-2")
        decide(asking, "undo", number)
        assert asking.of("account", "ours")["registration_code"] == "D-2"

    def test_what_was_undone_is_never_proposed_again(self, asking: World, number: int) -> None:
        decide(asking, "accept", number)
        decide(asking, "undo", number)
        assert found(asking, "waiting") == []
        asking.absorb(there("accounts", "a1", 9, Name="Brookfield", Zip="97321"))
        assert found(asking, "waiting") == []
        with pytest.raises(Refused, match="is rejected"):
            decide(asking, "undo", number)

    def test_a_merge_is_undone_once(self, asking: World, number: int) -> None:
        decide(asking, "accept", number)
        [accepted] = found(asking, "accepted")
        assert accepted.merge is not None
        decide(asking, "undo", number)
        with pytest.raises(Permanent, match="undone already"), asking.db.write() as tx:
            duplicates.undo(tx, asking.connections, accepted.merge, by="ops", now=asking.now)

    def test_the_other_proposals_for_it_are_off(self, asking: World) -> None:
        for sys_id in ("one", "two"):
            made(asking, "account", sys_id, name="Twin", zip="1")
        asking.absorb(there("accounts", "t1", Name="Twin", Zip="1"))
        [second, first] = [m for m in found(asking, "waiting") if m.external_id == "t1"]
        decide(asking, "accept", first.id)
        assert [m.id for m in found(asking, "rejected")] == [second.id]


class TestWhenAPersonDisagrees:
    def test_both_stay_and_nobody_is_asked_again(self, asking: World) -> None:
        made(asking, "account", "ours", name="Brookfield", zip="97321")
        asking.absorb(there("accounts", "a1", Name="Brookfield", Zip="97321"))
        [match] = found(asking, "waiting")
        decide(asking, "reject", match.id)
        assert len(asking.rows("account")) == 2
        assert found(asking, "waiting") == []
        with pytest.raises(Refused, match="is rejected, not waiting"):
            decide(asking, "accept", match.id)


class TestWhenARuleWasWrong:
    @pytest.fixture
    def number(self, world: World) -> int:
        """A rule took a1 for ours, and a1 has overwritten its name."""
        made(world, "account", "ours", registration_code="D-1", name="Right", phone="+1 5551")
        system = world.system()
        system.set("accounts", "a1", Duns="D-1", Name="Wrong", Phone="+1 5559")
        world.absorb(system.changes[-1])
        assert world.sys_id("account", "a1") == "ours"
        assert world.of("account", "ours")["name"] == "Wrong"
        [match] = found(world, "adopted")
        return match.id

    def test_ours_gets_back_what_was_overwritten(self, world: World, number: int) -> None:
        decide(world, "undo", number)
        row = world.of("account", "ours")
        assert (row["name"], row["phone"]) == ("Right", "+1 5551")

    def test_theirs_is_read_again_as_one_of_its_own(self, world: World, number: int) -> None:
        decide(world, "undo", number)
        world.work()
        assert world.sys_id("account", "a1") != "ours"
        assert world.row("account", "a1")["name"] == "Wrong"
        assert world.of("account", "ours")["name"] == "Right"
        assert len(world.rows("account")) == 2
        assert found(world, "waiting") == []

    def test_what_somebody_has_changed_since_stays(self, world: World, number: int) -> None:
        world.edit("account", "ours", name="Decided by a person")
        decide(world, "undo", number)
        row = world.of("account", "ours")
        assert (row["name"], row["phone"]) == ("Decided by a person", "+1 5551")


def test_a_record_is_not_merged_with_itself_or_nobody(world: World) -> None:
    made(world, "account", "ours", name="One")
    account = entities.find("account")
    with world.db.write() as tx:
        with pytest.raises(Refused, match="itself"):
            duplicates.merge(
                tx, world.connections, account, "ours", "ours", by="ops", now=world.now
            )
        with pytest.raises(NotFound, match="nobody"):
            duplicates.merge(
                tx, world.connections, account, "ours", "nobody", by="ops", now=world.now
            )


def test_a_number_that_nobody_knows_is_not_found(world: World) -> None:
    with pytest.raises(NotFound, match="no match 99"):
        decide(world, "accept", 99)


def test_two_of_their_records_that_were_merged_one_after_the_other_part_again(
    asking: World,
) -> None:
    """The candidate itself may have gone in another merge meanwhile."""
    made(asking, "account", "first", name="Brookfield", zip="1")
    asking.absorb(there("accounts", "a1", Name="Brookfield", Zip="1"))
    [one] = found(asking, "waiting")
    asking.clock.pass_(1)
    asking.absorb(there("accounts", "e1", Name="Brookfield", Zip="1"), connection="erp")
    of_erp = {m.candidate: m.id for m in found(asking, "waiting") if m.connection == "erp"}
    theirs = asking.sys_id("account", "a1")
    decide(asking, "accept", one.id)
    decide(asking, "accept", of_erp[theirs])
    assert asking.sys_id("account", "e1", "erp") == "first"
    decide(asking, "undo", of_erp[theirs])
    assert asking.sys_id("account", "e1", "erp") not in {"first", theirs}
    assert asking.sys_id("account", "a1") == "first"


class TestWhenThreeAreOne:
    @pytest.fixture
    def numbers(self, asking: World) -> tuple[int, int]:
        """Ours, a1 of the crm and e1 of the erp are merged into ours, one after the other."""
        system = asking.system()
        made(asking, "account", "ours", name="Brookfield", zip="1")
        system.set("accounts", "a1", Name="Brookfield", Zip="1", Phone="+1 5551")
        asking.absorb(system.changes[-1])
        asking.clock.pass_(1)
        asking.absorb(
            there("accounts", "e1", Name="Brookfield", Zip="1", Duns="D-9"), connection="erp"
        )
        asking.absorb(there("cases", "c1", Subject="Till", AccountId="a1"))
        asking.absorb(there("cases", "c2", Subject="Till", AccountId="e1"), connection="erp")
        asked = {(m.connection, m.candidate): m.id for m in found(asking, "waiting")}
        both = asked["crm", "ours"], asked["erp", "ours"]
        for number in both:
            decide(asking, "accept", number)
        assert len(asking.rows("account")) == 1
        return both

    def test_all_that_comes_for_them_lands_on_the_one(
        self, asking: World, numbers: tuple[int, int]
    ) -> None:
        assert numbers
        asking.absorb(there("accounts", "a1", 9, Name="By crm", Zip="1", Phone="+1 5551"))
        assert asking.of("account", "ours")["name"] == "By crm"
        asking.absorb(
            there("accounts", "e1", 10, Name="By erp", Zip="1", Duns="D-9"), connection="erp"
        )
        assert asking.of("account", "ours")["name"] == "By erp"
        assert len(asking.rows("account")) == 1

    @pytest.mark.parametrize("first", [0, 1])
    def test_they_part_in_any_order(
        self, asking: World, numbers: tuple[int, int], first: int
    ) -> None:
        for number in (numbers[first], numbers[1 - first]):
            asking.clock.pass_(60)
            decide(asking, "undo", number)
        assert len(asking.rows("account")) == 3
        own, other = asking.sys_id("account", "a1"), asking.sys_id("account", "e1", "erp")
        assert len({"ours", own, other}) == 3
        assert asking.row("case", "c1")["account"] == own
        assert asking.row("case", "c2", "erp")["account"] == other
        ours = asking.of("account", "ours")
        assert (ours["phone"], ours["registration_code"]) == (None, None), "what it had before"
        asking.absorb(there("accounts", "a1", 9, Name="By crm", Zip="2"))
        assert asking.of("account", own)["name"] == "By crm"
        assert asking.of("account", "ours")["name"] == "Brookfield"

    def test_one_that_parts_leaves_the_other_two(
        self, asking: World, numbers: tuple[int, int]
    ) -> None:
        decide(asking, "undo", numbers[0])
        assert asking.sys_id("account", "e1", "erp") == "ours"
        assert asking.sys_id("account", "a1") != "ours"
        asking.absorb(
            there("accounts", "e1", 9, Name="By erp", Zip="1", Duns="D-9"), connection="erp"
        )
        assert asking.of("account", "ours")["name"] == "By erp"
        assert asking.row("account", "a1")["name"] == "Brookfield"


def test_what_was_merged_is_told_to_all_that_it_is_and_so_is_what_parts(asking: World) -> None:
    crm = asking.system()
    made(asking, "account", "ours", name="Brookfield", zip="1", phone="+1 5550")
    crm.set("accounts", "a1", Name="Brookfield", Zip="1", Phone="+1 5559")
    asking.absorb(crm.changes[-1])
    asking.forget_jobs()
    [match] = found(asking, "waiting")
    decide(asking, "accept", match.id)
    asking.work()
    assert crm.get("accounts", "a1")["Phone"] == "+1 5550", "as the one that stayed says"
    decide(asking, "undo", match.id)
    asking.work()
    assert crm.get("accounts", "a1")["Phone"] == "+1 5559", "as its own says again"
    written = len(crm.writes)
    asking.work()
    assert len(crm.writes) == written
