"""A page of changes becomes records, once, whatever comes again or late."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

import hub
from tests.sync.elsewhere import at, gone, there
from tests.sync.world import World, altered, connected


def test_a_first_page_makes_records_with_numbers_and_links(world: World) -> None:
    counts = world.absorb(
        there("cases", "c1", 1, Subject="Till is dead", Status="Open", Region="north"),
        there("cases", "c2", 2, Subject="No light", Status="New"),
    )
    assert (counts.seen, counts.created) == (2, 2)
    one, two = world.row("case", "c1"), world.row("case", "c2")
    assert [one["number"], two["number"]] == ["CS0001001", "CS0001002"]
    assert (one["short_description"], one["state"]) == ("Till is dead", "10")
    assert one["hub_custom"] == {"u_region": "north"}
    assert (one["sys_mod_count"], one["sys_created_by"], one["active"]) == (0, "crm", True)
    link = world.link("case", "c1")
    assert (link.version, link.connection, link.stream) == (at(1), "crm", "cases")


def test_a_creation_is_one_entry_in_the_audit_with_its_source(world: World) -> None:
    world.absorb(there("accounts", "a1", Name="Brookfield"))
    [entry] = world.audits("account", world.sys_id("account", "a1"))
    assert (entry["fieldname"], entry["hub_source"], entry["hub_external_id"]) == ("*", "crm", "a1")
    assert entry["hub_mapping"].startswith("accounts.yaml")


def test_the_same_page_again_does_nothing(world: World) -> None:
    page = [there("cases", f"c{i}", i, Subject=f"Case {i}") for i in range(1, 30)]
    world.absorb(*page)
    before, audits = world.rows("case"), world.count("sys_audit")
    world.clock.pass_(60)
    with world.counted() as sent:
        counts = world.absorb(*page)
    assert (counts.seen, counts.unchanged) == (29, 29)
    assert world.rows("case") == before
    assert world.count("sys_audit") == audits
    assert len(sent) == 1


def test_an_older_version_is_ignored(world: World) -> None:
    world.absorb(there("accounts", "a1", 5, Name="New name"))
    counts = world.absorb(there("accounts", "a1", 4, Name="Old name"))
    assert counts.unchanged == 1
    assert world.row("account", "a1")["name"] == "New name"
    assert world.link("account", "a1").version == at(5)


def test_a_newer_version_changes_only_what_differs(world: World) -> None:
    world.absorb(there("accounts", "a1", 1, Name="Brookfield", Phone="1", Site="Elm"))
    counts = world.absorb(there("accounts", "a1", 2, Name="Brookfield", Phone="2", Site="Oak"))
    assert counts.updated == 1
    row = world.row("account", "a1")
    assert (row["phone"], row["hub_custom"], row["sys_mod_count"]) == ("2", {"u_site": "Oak"}, 1)
    _, *entries = world.audits("account", row["sys_id"])
    told = [(e["fieldname"], e["oldvalue"], e["newvalue"], e["hub_mapping"]) for e in entries]
    assert told == [
        ("phone", "1", "2", "accounts.yaml:15"),
        ("u_site", "Elm", "Oak", "accounts.yaml:18"),
    ]


def test_a_newer_version_with_equal_content_only_moves_the_link(world: World) -> None:
    world.absorb(there("accounts", "a1", 1, Name="Brookfield"))
    before = world.row("account", "a1")
    world.clock.pass_(60)
    counts = world.absorb(there("accounts", "a1", 2, Name="Brookfield"))
    assert counts.unchanged == 1
    assert world.row("account", "a1") == before
    assert world.link("account", "a1").version == at(2)
    assert world.count("sys_audit") == 1


def test_a_version_that_is_not_in_the_record_moves_the_link_as_well(world: World) -> None:
    """Else a change that was overtaken by one which took it back would be applied late."""
    before, after = {"Id": "a1", "Name": "Before"}, {"Id": "a1", "Name": "After"}
    world.absorb(hub.Change("accounts", "a1", before, "1"))
    world.absorb(hub.Change("accounts", "a1", before, "3"))
    world.absorb(hub.Change("accounts", "a1", after, "2"))
    assert world.row("account", "a1")["name"] == "Before"


def test_of_several_changes_in_a_page_the_newest_counts(world: World) -> None:
    counts = world.absorb(
        there("accounts", "a1", 2, Name="Second"),
        there("accounts", "a1", 3, Name="Third"),
        there("accounts", "a1", 1, Name="First"),
    )
    assert (counts.seen, counts.created) == (1, 1)
    assert world.row("account", "a1")["name"] == "Third"


def test_absent_is_not_empty(world: World) -> None:
    world.absorb(there("accounts", "a1", 1, Name="Brookfield", Phone="1", Zip="97321"))
    world.absorb(there("accounts", "a1", 2, Phone=None))
    row = world.row("account", "a1")
    assert (row["name"], row["phone"], row["zip"]) == ("Brookfield", None, "97321")


def test_a_flag_that_is_always_known_is_not_cleared(world: World) -> None:
    world.absorb(there("contacts", "p1", 1, Name="Zoe", Active=None))
    assert world.row("contact", "p1")["active"] is True
    world.absorb(there("contacts", "p1", 2, Active=False))
    world.absorb(there("contacts", "p1", 3, Active=None))
    assert world.row("contact", "p1")["active"] is False


def test_a_change_of_the_mapping_reads_every_record_again(world: World, tmp_path: Path) -> None:
    page = [there("accounts", "a1", 1, Name="Brookfield", Mail="a@b.example")]
    world.absorb(*page)
    changed = altered(tmp_path, "accounts", "Phone", "Mail")
    world.connect(connected(accounts=changed))
    assert world.absorb(*page).updated == 1
    assert world.row("account", "a1")["phone"] == "a@b.example"


def test_a_deleted_case_is_cancelled_and_stays(world: World) -> None:
    world.absorb(there("cases", "c1", 1, Subject="Till", Status="Open"))
    counts = world.absorb(gone("cases", "c1", 2))
    assert counts.deleted == 1
    row = world.row("case", "c1")
    assert (row["state"], row["active"], row["short_description"]) == ("7", False, "Till")
    assert world.link("case", "c1").deleted_at is not None
    assert world.absorb(gone("cases", "c1", 2)).unchanged == 1


def test_a_record_that_says_it_is_deleted_is_gone_as_well(world: World) -> None:
    world.absorb(there("contacts", "p1", 1, Name="Zoe"))
    world.absorb(there("contacts", "p1", 2, Name="Zoe", IsDeleted=True))
    assert world.row("contact", "p1")["active"] is False
    assert world.link("contact", "p1").deleted_at is not None


def test_the_deletion_of_what_we_never_had_makes_nothing(world: World) -> None:
    counts = world.absorb(gone("cases", "c1"))
    assert (counts.unchanged, world.rows("case")) == (1, [])


def test_a_record_does_not_come_by_a_change_older_than_its_deletion(world: World) -> None:
    """Their webhooks overtake each other."""
    world.absorb(gone("cases", "c1", 3))
    world.absorb(there("cases", "c1", 2, Subject="Till"), there("cases", "c2", 2))
    assert len(world.rows("case")) == 1
    assert world.absorb(there("cases", "c1", 4, Subject="Back")).created == 1
    assert world.row("case", "c1")["short_description"] == "Back"


def test_a_second_deletion_counts_against_a_late_return(world: World) -> None:
    world.absorb(there("cases", "c1", 1, Status="Open"))
    world.absorb(gone("cases", "c1", 2))
    world.absorb(gone("cases", "c1", 4))
    world.absorb(there("cases", "c1", 3, Status="Open"))
    assert world.row("case", "c1")["state"] == "7"


def test_an_older_deletion_is_ignored(world: World) -> None:
    world.absorb(there("cases", "c1", 5, Status="Open"))
    world.absorb(gone("cases", "c1", 4))
    assert world.row("case", "c1")["state"] == "10"


def test_what_is_older_than_its_deletion_does_not_bring_a_record_back(world: World) -> None:
    world.absorb(there("cases", "c1", 1, Status="Open"))
    world.absorb(gone("cases", "c1", 3))
    world.absorb(there("cases", "c1", 2, Status="Waiting"))
    assert world.row("case", "c1")["state"] == "7"


@pytest.mark.parametrize("owner", ["newest", "theirs", "ours", "if_empty", "manual"])
def test_a_restored_record_is_as_they_say(world: World, tmp_path: Path, owner: str) -> None:
    mapping = altered(tmp_path, "cases", "stamp: Hub_Id\n", f"stamp: Hub_Id\nowner: {owner}\n")
    world.connect(connected(cases=mapping))
    world.absorb(there("cases", "c1", 1, Status="Open", Subject="Till"))
    world.absorb(gone("cases", "c1", 2))
    counts = world.absorb(there("cases", "c1", 3, Status="Open", Subject="Till"))
    assert counts.updated == 1
    row = world.row("case", "c1")
    assert (row["state"], row["active"], row["closed_at"]) == ("10", True, None)
    assert world.link("case", "c1").deleted_at is None


def test_a_restored_contact_is_active_again(world: World) -> None:
    world.absorb(there("contacts", "p1", 1, Name="Zoe"))
    world.absorb(gone("contacts", "p1", 2))
    world.absorb(there("contacts", "p1", 3, Name="Zoe"))
    assert world.row("contact", "p1")["active"] is True


def test_a_record_that_the_mapping_leaves_out_is_no_record_of_ours(world: World) -> None:
    counts = world.absorb(there("cases", "c1", Kind="private"), there("cases", "c2", Kind="store"))
    assert (counts.created, counts.unchanged) == (1, 1)
    assert len(world.rows("case")) == 1


def test_comments_become_journal_entries_once(world: World) -> None:
    first = {"Id": "n1", "Text": "It smokes.", "Public": True, "At": at(1)}
    second = {"Id": "n2", "Text": "Sold at a loss.", "Public": False, "At": at(2)}
    world.absorb(there("cases", "c1", 1, Comments=[first]))
    world.absorb(there("cases", "c1", 2, Comments=[first, second]))
    world.absorb(there("cases", "c1", 3, Comments=[first, second], Subject="Till"))
    notes = world.notes(world.sys_id("case", "c1"))
    assert [(n["element"], n["value"], n["hub_external_id"]) for n in notes] == [
        ("comments", "It smokes.", "n1"),
        ("work_notes", "Sold at a loss.", "n2"),
    ]
    assert [n["hub_source"] for n in notes] == ["crm", "crm"]


def test_a_comment_in_a_field_is_one_entry_however_often_it_is_told(
    world: World, tmp_path: Path
) -> None:
    mapping = altered(tmp_path, "cases", "u_region:          Region", "comments: LastComment")
    world.connect(connected(cases=mapping))
    world.absorb(there("cases", "c1", 1, LastComment="It smokes."))
    world.absorb(there("cases", "c1", 2, LastComment="It smokes.", Subject="Till"))
    world.absorb(there("cases", "c1", 3, LastComment="It burns.", Subject="Till"))
    notes = world.notes(world.sys_id("case", "c1"))
    assert sorted(note["value"] for note in notes) == ["It burns.", "It smokes."]


def test_a_page_may_be_empty_of_news_and_of_changes(world: World) -> None:
    world.absorb(there("accounts", "a1", Name="Brookfield"))
    with world.counted() as sent:
        world.absorb(there("accounts", "a1", Name="Brookfield"))
    assert len(sent) == 1


def test_records_say_when_they_changed_here_and_not_there(world: World) -> None:
    world.absorb(there("accounts", "a1", 1, Name="Brookfield"))
    first = world.now
    world.clock.pass_(3600)
    world.absorb(there("accounts", "a1", 2, Name="Brookfields"))
    row = world.row("account", "a1")
    assert (row["sys_created_on"], row["sys_updated_on"]) == (first, first + timedelta(hours=1))


def test_an_imported_number_moves_the_series_past_it(world: World, tmp_path: Path) -> None:
    numbered = altered(tmp_path, "cases", "u_region:          Region", "number: Number")
    world.connect(connected(cases=numbered))
    world.absorb(there("cases", "c1", 1, Number="CS0001500"))
    world.absorb(there("cases", "c2", 2))
    assert world.row("case", "c2")["number"] == "CS0001501"


def test_a_number_that_another_record_has_costs_nobody_its_page(
    world: World, tmp_path: Path
) -> None:
    numbered = altered(tmp_path, "cases", "u_region:          Region", "number: Number")
    world.connect(connected(cases=numbered))
    world.absorb(there("cases", "c0", 1, Number="X-1"))
    counts = world.absorb(
        there("cases", "c1", 1, Number="X-1"),
        there("cases", "c2", 1, Number="X-2"),
        there("cases", "c3", 1, Number="X-2"),
    )
    assert (counts.seen, len(world.rows("case"))) == (3, 4)
    assert world.row("case", "c2")["number"] == "X-2"
