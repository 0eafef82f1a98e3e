"""Whatever the order, once the mapping is mended all is applied: nothing twice, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import hub
from hub.mapping import Mapping as FieldMapping
from hub.store.database import Database
from tests.databases import Databases
from tests.sync.elsewhere import at, there
from tests.sync.world import World, altered, connected

BAD = ("Exploded", "Melted")
VALUES = st.fixed_dictionaries(
    {
        "Status": st.sampled_from(["New", "Open", "Solved", *BAD]),
        "Subject": st.sampled_from(["Till", "Printer", "Scale"]),
        "AccountId": st.sampled_from([None, "accounts-0", "accounts-1"]),
    }
)

FIELDS = ("short_description", "account", "state", "active")


@st.composite
def histories(draw: st.DrawFn) -> list[hub.Change]:
    """A few cases, and the accounts that they are of, in the order of their clock."""
    told = []
    for moment in range(1, draw(st.integers(2, 14))):
        if draw(st.integers(0, 4)) == 0:
            told.append(there("accounts", f"accounts-{draw(st.integers(0, 1))}", moment, Name="A"))
            continue
        comments = [
            {"Id": f"n{n}", "Text": f"note {n}", "Public": True, "At": at(n)} for n in range(moment)
        ]
        id = f"cases-{draw(st.integers(0, 2))}"
        told.append(there("cases", id, moment, **draw(VALUES), Comments=comments))
    return told


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[hub.Change], list[list[hub.Change] | str]]:
    """A history, and how it arrives: shuffled, some of it again, while letters are retried."""
    history = draw(histories())
    again = draw(st.lists(st.sampled_from(history), max_size=5)) if history else []
    steps: list[list[hub.Change] | str] = []
    for change in draw(st.permutations(history + again)):
        last = steps[-1] if steps else ""
        if isinstance(last, list) and last[0].stream == change.stream and draw(st.booleans()):
            last.append(change)
        else:
            steps.append([change])
        if draw(st.integers(0, 5)) == 0:
            steps.append(draw(st.sampled_from(["retry", "mend"])))
    return history, steps


@contextmanager
def opened(databases: Databases) -> Iterator[tuple[World, tuple[FieldMapping, ...]]]:
    with TemporaryDirectory() as folder:
        entries = "".join(f", {status}: open" for status in BAD)
        mended = altered(Path(folder), "cases", "Closed: closed}", f"Closed: closed{entries}}}")
        url = databases.migrated(Path(folder))
        db = Database(url)
        yield World(db), mended
        db.close()
        databases.drop(url)


def arrive(world: World, steps: list[list[hub.Change] | str], mended: Any) -> None:
    """Fold the pages in; in the end the mapping is mended, and a process starts."""
    for step in [*steps, "mend"]:
        if step == "retry":
            world.read_again()
        elif step == "mend":
            world.connect(connected(cases=mended))
            world.hub.retry_where_mappings_changed()
        else:
            world.absorb(*step)
        world.work()
        world.clock.pass_(1)
    world.work()


def outcome(world: World) -> Any:
    """Every case by its external id, with its account and its notes."""
    with world.db.read() as tx:
        rows = tx.exec_driver_sql("SELECT sys_id, external_id, version FROM hub_external_ref").all()
    names = {row[0]: row[1] for row in rows}
    cases = {}
    for row in world.rows("case"):
        told = {name: names.get(row[name], row[name]) for name in FIELDS}
        notes = [(note["element"], note["value"]) for note in world.notes(row["sys_id"])]
        assert len(notes) == len(set(notes)), "no note twice"
        cases[names[row["sys_id"]]] = (told, len(notes))
    left = [key for key in world.waiting() if not key.endswith("/late")]
    return cases, sorted((row[1], row[2]) for row in rows), world.dead(), left


LAWS = settings(max_examples=25)


@LAWS
@given(arrivals())
def test_once_it_is_mended_every_order_ends_as_if_nothing_had_been_bad(
    databases: Databases, both: tuple[list[hub.Change], list[list[hub.Change] | str]]
) -> None:
    history, steps = both
    with opened(databases) as (world, mended):
        world.connect(connected(cases=mended))
        arrive(world, [[change] for change in history], mended)
        well = outcome(world)
    with opened(databases) as (world, mended):
        arrive(world, steps, mended)
        cases, links, dead, waiting = outcome(world)
    assert (dead, waiting) == ([], [])
    assert links == well[1], "nothing is lost, and the newest of each is what is known"
    assert {id: told for id, (told, _) in cases.items()} == {
        id: told for id, (told, _) in well[0].items()
    }
    newest = {change.id: change.data or {} for change in history if change.stream == "cases"}
    for id, (_, notes) in cases.items():
        assert notes == len(newest[id]["Comments"]), "each exactly once"


@LAWS
@given(arrivals())
def test_everything_again_after_that_changes_nothing(
    databases: Databases, both: tuple[list[hub.Change], list[list[hub.Change] | str]]
) -> None:
    history, steps = both
    with opened(databases) as (world, mended):
        arrive(world, steps, mended)
        before, audits = outcome(world), world.count("sys_audit")
        for change in history:
            world.absorb(change)
        world.read_again()
        assert world.hub.retry_where_mappings_changed() == []
        assert (outcome(world), world.count("sys_audit")) == (before, audits)
