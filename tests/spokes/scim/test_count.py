"""Counting: by asking for no record at all, or for a first page where a server is poor."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from hub.testing import serve
from spokes.scim.sandbox import ScimSandbox
from spokes.scim.spoke import Scim

USERS, GROUPS, PAIRS = Scim.streams


@pytest.fixture
def server() -> Iterator[ScimSandbox]:
    sandbox = ScimSandbox()
    for number in range(5):
        data = {"userName": f"u{number}"}
        sandbox.mutate({"do": "create", "stream": "Users", "data": data})
    with serve(sandbox):
        yield sandbox


@pytest.fixture
def spoke(server: ScimSandbox) -> Iterator[Scim]:
    made = Scim.model_validate(server.settings()).using(clock=server.clock.now)
    yield made
    made.close()


def test_no_record_is_asked_for(server: ScimSandbox, spoke: Scim) -> None:
    assert (spoke.count(USERS, None), spoke.count(GROUPS, None)) == (5, 0)
    assert [("count", "0") in entry.query for entry in server.journal] == [False, True] * 2
    assert spoke.count(PAIRS, None) is None


def test_what_changed_since_a_moment_is_counted(server: ScimSandbox, spoke: Scim) -> None:
    server.clock.advance(timedelta(minutes=5))
    moment = server.clock.now() - timedelta(minutes=1)
    server.mutate({"do": "create", "stream": "Users", "data": {"userName": "late"}})
    assert spoke.count(USERS, moment) == 1


def test_a_poor_server_is_asked_for_a_page_and_says_nothing_of_changes(
    server: ScimSandbox, spoke: Scim
) -> None:
    server.mutate({"do": "impoverish"})
    assert spoke.count(USERS, None) == 5
    assert spoke.count(USERS, server.clock.now()) is None
