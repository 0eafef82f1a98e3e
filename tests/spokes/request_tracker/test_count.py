"""Counting: the total of a list with one record, in the account's own time zone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

import hub
from hub.testing import Fault, serve
from spokes.request_tracker.sandbox import RequestTrackerSandbox
from spokes.request_tracker.spoke import TICKETS, USERS, RequestTracker


@contextmanager
def begun(zone: str = "UTC") -> Iterator[tuple[RequestTrackerSandbox, RequestTracker]]:
    """Three tickets, five minutes old."""
    with serve(RequestTrackerSandbox(zone=zone)) as sandbox:
        for number in range(3):
            data = {"Subject": f"Till {number}"}
            sandbox.mutate({"do": "create", "stream": "tickets", "data": data})
        sandbox.clock.advance(timedelta(minutes=5))
        spoke = RequestTracker(**sandbox.settings()).using(clock=sandbox.clock.now)
        yield sandbox, spoke
        spoke.close()


def test_tickets_and_users_are_counted_by_asking_for_one() -> None:
    with begun() as (sandbox, spoke):
        assert (spoke.count(TICKETS, None), spoke.count(USERS, None)) == (3, 4)
        assert [("per_page", "1") in entry.query for entry in sandbox.journal] == [True, True]
        assert spoke.count(USERS, sandbox.clock.now()) is None


def test_tickets_that_changed_since_a_moment_are_counted() -> None:
    with begun() as (sandbox, spoke):
        moment = sandbox.clock.now() - timedelta(minutes=1)
        assert spoke.count(TICKETS, moment) == 0
        sandbox.mutate({"do": "update", "stream": "tickets", "id": "1", "data": {"Subject": "Now"}})
        assert spoke.count(TICKETS, moment) == 1


def test_in_another_time_zone_a_moment_is_not_counted_wrongly() -> None:
    with begun("Europe/Berlin") as (sandbox, spoke):
        assert spoke.count(TICKETS, None) == 3
        with pytest.raises(hub.Permanent, match="set it to UTC"):
            spoke.count(TICKETS, sandbox.clock.now())


def test_a_total_that_they_leave_out_is_no_count() -> None:
    with begun() as (sandbox, spoke):
        sandbox.faults.add(Fault(path="tickets", body={"items": [], "count": 0, "total": None}))
        assert spoke.count(TICKETS, None) is None
