"""Salesforce's own sample data arrives whole: two Trailhead apps, loaded as their plans say."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from hub.store.database import Database
from spokes.salesforce.sandbox import SalesforceSandbox
from tests.real.world import Synced, synced

SET = "salesforce-trailhead-sample-data"
RAFTING = """\
Today, Sofia Rodriguez and her family were scheduled to participate in the much-anticipated White \
Water Rafting Rush Experience. Unfortunately, the event was unexpectedly canceled, leading to \
significant disappointment for the Rodriguez family, who expressed that this experience was the \
highlight they were most looking forward to during their stay at Coral Cloud Resorts.\r\n\r\nSofia \
reached out to express her frustration and disappointment, emphasizing the importance of this \
activity to her family's overall trip experience. The family had planned their schedule around \
this event, and its cancellation has impacted their vacation plans adversely."""


@pytest.fixture
def org(real: Callable[[str], Path]) -> SalesforceSandbox:
    return SalesforceSandbox(seed=real(SET))


@pytest.fixture
def world(db: Database, org: SalesforceSandbox, tmp_path: Path) -> Iterator[Synced]:
    with synced(db, org, "salesforce", tmp_path / "config") as found:
        yield found


def test_every_record_of_the_plans_arrives_once_and_none_dies(world: Synced) -> None:
    told = {stream: (c.seen, c.created, c.failed) for stream, c in world.counts.items()}
    assert told == {"Account": (3, 3, 0), "Contact": (156, 156, 0), "Case": (2, 2, 0)}
    for entity, number in (("account", 3), ("contact", 156), ("case", 2)):
        linked = world.linked(entity)
        assert linked.keys() == {row["sys_id"] for row in world.rows(entity)}
        assert len(set(linked.values())) == number
    assert (world.dead(), world.jobs()) == ([], [])


def test_the_large_file_beside_the_plan_is_left_out_and_said_so(org: SalesforceSandbox) -> None:
    assert [note for note in org.notes if "data-Contact-large.json: not in the" in note]


def test_accounts_have_their_names_and_addresses(world: Synced) -> None:
    fields = ("name", "street", "city", "state", "zip", "country")
    assert {tuple(row[name] for name in fields) for row in world.rows("account")} == {
        ("Wheelworks", "480 Trapelo Road", "Belmont", "MA", "02478", "USA"),
        ("Northern Trail Cycling", "415 Mission St", "San Francisco", "CA", "94105", "USA"),
        ("Trailblazers", "1095 Avenue of the Americas", "New York", "NY", "10036", "USA"),
    }


def test_a_contact_reads_as_in_the_file(world: Synced) -> None:
    sofia = world.one("contact", email="sofiarodriguez@example.com")
    wanted = {
        "name": "Sofia Rodriguez",
        "first_name": "Sofia",
        "last_name": "Rodriguez",
        "mobile_phone": "612-350-2240",
        "phone": None,
        "street": "3 6th Avenue",
        "city": "Minneapolis",
        "state": "Minnesota",
        "zip": "55428",
        "country": "United States",
        "account": None,
        "active": True,
    }
    assert {name: sofia[name] for name in wanted} == wanted
    assert sofia["hub_custom"] | {} == {
        "u_lead_source": "Direct Mail",
        "u_birthdate": "1978-11-10",
        "u_salutation": None,
        "u_department": None,
    }


def test_an_apostrophe_in_a_name_and_an_address_is_a_letter_like_any_other(world: Synced) -> None:
    ellerey = world.one("contact", last_name="O'Dwyer")
    assert (ellerey["name"], ellerey["email"]) == ("Ellerey O'Dwyer", "ellereyo'dwyer@example.com")


def test_a_birthday_in_the_future_is_kept_as_it_was_told(world: Synced) -> None:
    nedi = world.one("contact", name="Nedi Heinsius")
    assert nedi["hub_custom"]["u_birthdate"] == "2042-05-03"


def test_lead_sources_add_up(world: Synced) -> None:
    sources = Counter(row["hub_custom"]["u_lead_source"] for row in world.rows("contact"))
    assert sources.most_common(2) == [("Online Travel Agent", 24), ("Event and Trade Show", 16)]
    assert sum(sources.values()) == 156


def test_cases_refer_to_their_contact_and_keep_their_line_ends(world: Synced) -> None:
    sofia = world.one("contact", email="sofiarodriguez@example.com")
    first, second = sorted(world.rows("case"), key=lambda row: row["number"])
    assert first["short_description"] == (
        "Urgent: Cancellation of White Water Rafting Rush Experience for the Rodriguez Family"
    )
    assert first["description"] == RAFTING
    assert second["short_description"] == "Upcoming Reservation Upgrade Request"
    assert [(row["number"], row["contact"]) for row in (first, second)] == [
        ("CS0001001", sofia["sys_id"]),
        ("CS0001002", sofia["sys_id"]),
    ]
    fields = ("state", "priority", "contact_type", "category", "subcategory", "cause", "account")
    assert [tuple(row[name] for name in fields) for row in (first, second)] == [
        ("1", "2", "phone", "1", "Problem", "New problem", None),
        ("1", "2", "phone", "1", "Upgrade Request", None, None),
    ]
    assert first["correlation_id"] == world.linked("case")[first["sys_id"]]


def test_a_second_full_sync_finds_nothing_new(world: Synced) -> None:
    before = world.rows("contact")
    for stream in world.counts:
        world.hub.backfill("real", stream, start=None, by="ann", foreseen=None)
    world.hub.worker(threads=1).run_until_idle()
    assert world.rows("contact") == before
    assert world.counts["Contact"].unchanged == 156


def test_a_poisoned_status_beside_them_dies_with_its_reason(
    world: Synced, org: SalesforceSandbox
) -> None:
    bad = {"Subject": "Snorkel lost", "Status": "Exploded"}
    create = {"do": "create", "stream": "Case"}
    at = (org.clock.now() - timedelta(minutes=2)).isoformat()
    with org.lock:
        org.mutate(create | {"data": bad, "at": at})
        org.mutate(create | {"data": {"Subject": "Fins lost", "Status": "New"}, "at": at})
    world.sync("Case")
    [letter] = world.dead()
    assert "salesforce/Case.yaml" in letter.error
    assert "no value for 'Exploded'" in letter.error
    assert world.one("case", short_description="Fins lost")
    assert len(world.rows("case")) == 3


def test_people_who_are_in_both_files_stay_two_without_an_account(
    db: Database, real: Callable[[str], Path], tmp_path: Path
) -> None:
    """An e-mail address alone makes nobody the same: 156 people are in both files."""
    seed = tmp_path / "seed"
    seed.mkdir()
    for name in ("data-Contact.json", "data-Contact-large.json"):
        shutil.copy(real(SET) / "coral-cloud" / name, seed)
    org = SalesforceSandbox(seed=seed)
    with synced(db, org, "salesforce", tmp_path / "config") as world:
        people = world.rows("contact")
        assert len(people) == len(world.linked("contact")) == 156 + 992
        assert Counter(Counter(row["email"] for row in people).values()) == {2: 156, 1: 836}
        assert world.dead() == []
