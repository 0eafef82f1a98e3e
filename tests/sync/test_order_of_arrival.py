"""Laws: whatever the order, the repetitions and the pages, the same records come out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import hub
from hub.store.database import Database
from tests.databases import Databases
from tests.sync.elsewhere import at, gone, there
from tests.sync.world import World

STEPS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "accounts": st.fixed_dictionaries(
        {
            "Name": st.sampled_from("AB"),
            "Phone": st.sampled_from(["1", None]),
            "ParentId": st.sampled_from(["accounts-0", "accounts-1", None]),
        }
    ),
    "cases": st.fixed_dictionaries(
        {
            "Subject": st.sampled_from(["x", "y"]),
            "Status": st.sampled_from(["New", "Open", "Waiting", "Solved", "Exploded"]),
            "CreatedDate": st.just(at(0)),
            "AccountId": st.sampled_from(["accounts-0", "accounts-1", "accounts-9", None]),
            "ParentId": st.sampled_from(["cases-0", "cases-1", None]),
        }
    ),
    "orders": st.fixed_dictionaries(
        {
            "AccountId": st.sampled_from(["accounts-0", None]),
            "Total": st.sampled_from(["1.50", "2", "lots"]),
            "Lines": st.lists(
                st.fixed_dictionaries({"Id": st.sampled_from("12"), "Sku": st.sampled_from("pq")}),
                max_size=2,
                unique_by=lambda line: line["Id"],
            ),
        }
    ),
}
HISTORY = {
    "account": ["name", "phone", "account_parent"],
    "case": [
        "short_description",
        "state",
        "active",
        "account",
        "parent",
        "opened_at",
        "reopen_count",
        "work_start",
        "closed_by",
        "priority",
    ],
    "order": ["account", "total_amount"],
}
"""The fields that say what was told; others say when and how it came."""


@st.composite
def histories(draw: st.DrawFn) -> list[hub.Change]:
    """A few records of each stream through a few versions, in the order of their clock."""
    told = []
    moment = 0
    for _ in range(draw(st.integers(1, 12))):
        moment += 1
        stream = draw(st.sampled_from(sorted(STEPS)))
        id = f"{stream}-{draw(st.integers(0, 1))}"
        if draw(st.integers(0, 9)) == 0:
            told.append(gone(stream, id, moment))
            continue
        values = draw(STEPS[stream])
        if stream == "cases":
            values["Comments"] = [
                {"Id": f"n{n}", "Text": f"note {n}", "Public": True, "At": at(n)}
                for n in range(moment)
            ]
        told.append(there(stream, id, moment, **values))
    return told


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[hub.Change], list[list[hub.Change]]]:
    """A history, and the pages in which it arrives: shuffled, and some of it again."""
    history = draw(histories())
    again = draw(st.lists(st.sampled_from(history), max_size=6))
    mixed = draw(st.permutations(history + again))
    pages: list[list[hub.Change]] = []
    for change in mixed:
        if pages and pages[-1][0].stream == change.stream and draw(st.booleans()):
            pages[-1].append(change)
        else:
            pages.append([change])
    return history, pages


@contextmanager
def opened(databases: Databases) -> Iterator[World]:
    with TemporaryDirectory() as folder:
        url = databases.migrated(Path(folder))
        db = Database(url)
        yield World(db)
        db.close()
        databases.drop(url)


def outcome(world: World) -> Any:
    """Every record by its external id, with references by external id as well."""
    with world.db.read() as tx:
        links = tx.exec_driver_sql(
            "SELECT sys_id, external_id, version, deleted_at IS NOT NULL FROM hub_external_ref"
        ).all()
    names = {row[0]: row[1] for row in links}
    rows = {}
    for entity, fields in HISTORY.items():
        for row in world.rows(entity):
            told = {name: names.get(row[name], row[name]) for name in fields}
            notes = sorted((n["element"], n["value"]) for n in world.notes(row["sys_id"]))
            rows[names[row["sys_id"]]] = (told, notes)
    lines = sorted(
        (names[line["order"]], line["external_id"], line["sku"], line["state"])
        for line in world.rows("order_line")
        if line["state"] != "cancelled"
    )
    dead = sorted((letter.external_id, letter.version) for letter in world.dead())
    return rows, lines, dead, sorted((row[1], row[2], row[3]) for row in links)


def arrived(databases: Databases, pages: list[list[hub.Change]]) -> Any:
    with opened(databases) as world:
        for page in pages:
            world.absorb(*page)
            world.clock.pass_(1)
        world.work()
        return outcome(world)


def comes_to_the_same(history: list[hub.Change]) -> bool:
    """Whether there is neither a bad version nor a deletion.

    After one of these the store keeps what was good before, which a latecomer may not know.
    """
    return not any(
        change.data is None or "Exploded" in change.data.values() or "lots" in change.data.values()
        for change in history
    )


LAWS = settings(max_examples=30)


@LAWS
@given(arrivals().filter(lambda both: comes_to_the_same(both[0])))
def test_every_order_of_arrival_ends_the_same(
    databases: Databases, both: tuple[list[hub.Change], list[list[hub.Change]]]
) -> None:
    history, pages = both
    in_order = arrived(databases, [[change] for change in history])
    assert arrived(databases, pages) == in_order


@LAWS
@given(arrivals())
def test_bad_versions_and_deletions_end_with_the_same_links_and_letters(
    databases: Databases, both: tuple[list[hub.Change], list[list[hub.Change]]]
) -> None:
    """What a late one never saw may be missing; what is newest never is."""
    history, pages = both
    _, _, dead, _ = arrived(databases, [[change] for change in history])
    _, _, late, _ = arrived(databases, pages)
    assert late == dead


@LAWS
@given(arrivals())
def test_everything_again_changes_nothing(
    databases: Databases, both: tuple[list[hub.Change], list[list[hub.Change]]]
) -> None:
    _, pages = both
    with opened(databases) as world:
        for page in pages:
            world.absorb(*page)
        world.work()
        before, audits = outcome(world), world.count("sys_audit")
        for page in pages:
            world.absorb(*page)
        world.work()
        assert (outcome(world), world.count("sys_audit")) == (before, audits)
