"""A real instance's incident log, replayed: whatever order its events arrive in, it ends the same.

5,998 events of 890 incidents. The clock moves on with every page, so that whatever the hub made
up from when, or how often, it heard of something would show.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import select

import hub
from hub.mapping import check_examples, load
from hub.store import entities
from hub.store.cursors import Counts
from hub.store.database import Database
from hub.store.entities import sys_audit
from hub.sync.connection import Connection, Connections
from hub.sync.inbound.absorb import absorb_records
from hub.sync.reading import records_in
from tests.databases import Databases
from tests.real import log
from tests.real.log import Event

MAPPING = Path(__file__).with_name("incidents.yaml")
LATER = datetime(2026, 11, 21, tzinfo=UTC)
OF_THE_REPLAY = {"sys_id", "sys_mod_count", "sys_created_on", "sys_updated_on"}
Page = Sequence[Event]


class Recorded(hub.Spoke):
    """A system that is not there any more."""

    streams = (hub.Stream("incidents"),)


@dataclass(frozen=True)
class Ending:
    """What a replay came to: incidents by number, and what was odd about their steps."""

    incidents: dict[str, dict[str, Any]]
    oddities: Counter[str]
    total: Counts


Replay = Callable[..., Ending]


@pytest.fixture(scope="module")
def events(real: Callable[[str], Path]) -> list[Event]:
    return log.read(real("servicenow-uci-incident-log"))


@pytest.fixture(scope="module")
def replay(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Replay:
    """Absorb pages into an empty store, one transaction each."""

    def replayed(pages: Sequence[Page], mapping: Path = MAPPING) -> Ending:
        url = databases.migrated(tmp_path_factory.mktemp("replay"))
        db = Database(url)
        total = _absorbed(db, pages, mapping)
        with db.read() as tx:
            rows = [dict(row._mapping) for row in tx.execute(select(INCIDENT))]
            oddities = Counter(tx.scalars(select(sys_audit.c.reason).where(ODD)))
        db.close()
        databases.drop(url)
        kept = {row["number"]: _without(row, OF_THE_REPLAY) for row in rows}
        assert len(kept) == len(rows)
        return Ending(kept, oddities, total)

    return replayed


INCIDENT = entities.find("incident").table
ODD = sys_audit.c.reason != ""


def _absorbed(db: Database, pages: Sequence[Page], mapping: Path) -> Counts:
    mappings = _mappings(mapping)
    connection = Connection(
        "snow", Recorded(url="http://localhost:1", sandbox=True), {"incidents": mappings}
    )
    total = Counts()
    for number, page in enumerate(pages):
        body = hub.Page(body=orjson.dumps({"result": page}), at="result")
        records = records_in(body, "incidents", mappings[0])
        now = LATER + timedelta(seconds=number)
        with db.write() as tx:
            total += absorb_records(
                tx, Connections([connection]), connection, "incidents", records, now=now
            )
    assert total.failed == 0
    return total


def _mappings(path: Path) -> tuple[Any, ...]:
    return tuple(load(path, shape_of=lambda name: entities.find(name).shape, shown_as=path.name))


def _without(row: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _in_order(events: list[Event]) -> list[Page]:
    """First the first event of every incident, then every second one ...: none is overtaken."""
    histories: dict[str, list[Event]] = {}
    for event in sorted(events, key=log.version):
        histories.setdefault(event["number"], []).append(event)
    longest = max(map(len, histories.values()))
    return [[one[i] for one in histories.values() if i < len(one)] for i in range(longest)]


def _pages(events: Sequence[Event], size: int) -> list[Page]:
    return [events[first : first + size] for first in range(0, len(events), size)]


def _shuffled(events: list[Event], seed: int, *, again: int) -> list[Event]:
    """In any order, and `again` of them twice or more often."""
    chance = random.Random(seed)
    told = events + chance.choices(events, k=again)
    chance.shuffle(told)
    return told


@pytest.fixture(scope="module")
def ordered(events: list[Event], replay: Replay) -> Ending:
    return replay(_in_order(events))


def test_the_mapping_keeps_its_own_examples() -> None:
    assert [fault for mapping in _mappings(MAPPING) for fault in check_examples(mapping)] == []


def test_neither_their_clock_nor_their_count_alone_says_what_is_newer(events: list[Event]) -> None:
    """The clock has minutes only, and five counts are wrong: of the first event that is told."""
    by_clock = Counter((event["number"], event["sys_updated_at"]) for event in events)
    by_count = Counter((event["number"], event["sys_mod_count"]) for event in events)
    by_both = Counter((event["number"], log.version(event)) for event in events)
    ties = [sum(times > 1 for times in found.values()) for found in (by_clock, by_count, by_both)]
    assert ties == [473, 5, 0]
    doubled = sorted(number for (number, _), times in by_count.items() if times > 1)
    assert doubled == ["INC0000130", "INC0000134", "INC0000135", "INC0000137", "INC0000164"]


def test_the_history_in_order_leaves_every_incident_closed(
    events: list[Event], ordered: Ending
) -> None:
    assert len(events) == ordered.total.seen == 5_998
    assert len(ordered.incidents) == ordered.total.created == 890
    states = Counter((row["state"], row["active"]) for row in ordered.incidents.values())
    assert states == {("7", False): 890}


FINAL: dict[str, dict[str, Any]] = {
    "INC0000045": {  # new, resolved, closed
        "state": "7", "hold_reason": None, "active": False,
        "impact": "2", "urgency": "2", "priority": "3",
        "opened_at": datetime(2016, 2, 29, 1, 16, tzinfo=UTC),
        "resolved_at": datetime(2016, 2, 29, 11, 29, tzinfo=UTC),
        "closed_at": datetime(2016, 3, 5, 12, 0, tzinfo=UTC),
        "category": "Category 55", "subcategory": "Subcategory 170",
        "reassignment_count": 0, "reopen_count": 0, "made_sla": True, "contact_type": "phone",
    },
    "INC0000047": {  # waited for its caller once
        "state": "7", "incident_state": "7", "hold_reason": None, "reassignment_count": 1,
        "opened_at": datetime(2016, 2, 29, 4, 40, tzinfo=UTC),
        "resolved_at": datetime(2016, 3, 1, 9, 52, tzinfo=UTC),
        "closed_at": datetime(2016, 3, 6, 10, 0, tzinfo=UTC),
        "knowledge": True, "work_start": None,  # when work began, they never say
    },
    "INC0000135": {  # its first event counts as its seventh, which was its last
        "state": "7", "active": False,
        "closed_at": datetime(2016, 3, 5, 17, 0, tzinfo=UTC),
    },
    "INC0000093": {  # they do not know when it was resolved, and we do not make it up
        "state": "7", "resolved_at": None,
        "closed_at": datetime(2016, 3, 5, 10, 0, tzinfo=UTC),
    },
}  # fmt: skip


@pytest.mark.parametrize("number", FINAL)
def test_an_incident_ends_as_its_last_event_says(ordered: Ending, number: str) -> None:
    row = ordered.incidents[number]
    assert {name: row[name] for name in FINAL[number]} == FINAL[number]


def test_what_has_no_column_is_kept_beside(ordered: Ending) -> None:
    assert ordered.incidents["INC0000047"]["hub_custom"] == {
        "u_symptom": "Symptom 471",
        "u_caller": "Caller 2403",
        "u_location": "Location 165",
        "u_group": "Group 24",
        "u_resolver": "Resolver 89",
        "u_resolved_by": "Resolved by 81",
        "u_closed_code": "code 5",
        "u_problem": None,
        "u_change": None,
    }


def test_steps_that_our_graph_does_not_have_are_taken_and_noted(ordered: Ending) -> None:
    """People solve and park what nobody took up; one incident comes back, and is closed unsolved."""
    assert ordered.oddities == {
        "transition anomaly: 1 -> 6": 222,
        "transition anomaly: 1 -> 3": 89,
        "transition anomaly: 6 -> 1": 1,
        "transition anomaly: 1 -> 7": 1,
    }


@pytest.mark.parametrize(("seed", "size"), [(1, 500), (2, 500), (3, 97), (4, 7)])
def test_shuffled_and_repeated_it_ends_the_same(
    events: list[Event], ordered: Ending, replay: Replay, seed: int, size: int
) -> None:
    told = _shuffled(events, seed, again=2_000)
    ending = replay(_pages(told, size))
    assert ending.incidents == ordered.incidents


def test_backwards_it_ends_the_same_at_once(
    events: list[Event], ordered: Ending, replay: Replay
) -> None:
    ending = replay(_in_order(events)[::-1])
    assert ending.incidents.keys() == ordered.incidents.keys()
    assert ending.incidents == ordered.incidents


def test_with_their_count_alone_the_order_would_decide(
    events: list[Event], ordered: Ending, tmp_path: Path, replay: Replay
) -> None:
    """The control: what tells nothing about age cannot end the same."""
    text = MAPPING.read_text(encoding="utf-8")
    both = 'version: f"{sys_updated_at} {sys_mod_count}"'
    assert both in text
    alone = tmp_path / "alone.yaml"
    alone.write_text(text.replace(both, "version: sys_mod_count"), encoding="utf-8")
    forth = replay(_in_order(events), alone)
    back = replay(_in_order(events)[::-1], alone)
    assert forth.incidents == ordered.incidents
    differing = {n for n, row in back.incidents.items() if row != forth.incidents[n]}
    assert differing == {"INC0000135"}
    assert back.incidents["INC0000135"]["state"] == "2"
