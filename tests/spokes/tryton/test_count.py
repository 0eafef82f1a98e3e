"""Counting: `search_count`, which finds archived records, and those whose parts have changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

import hub
from hub.testing import serve
from spokes.tryton.rpc import Server
from spokes.tryton.sandbox import TrytonSandbox
from spokes.tryton.spoke import Tryton

PARTIES, SALES = Tryton.streams


@pytest.fixture
def there() -> Iterator[TrytonSandbox]:
    with serve(TrytonSandbox()) as sandbox:
        yield sandbox


@pytest.fixture
def spoke(there: TrytonSandbox) -> Iterator[Tryton]:
    made = Tryton.model_validate(there.settings()).using(clock=there.clock.now)
    yield made
    made.close()


def party(there: TrytonSandbox, name: str) -> str:
    way = [["create", [{"type": "email", "value": "old@x.example"}]]]
    data = {"name": name, "contact_mechanisms": way}
    return str(there.mutate({"do": "create", "stream": "parties", "data": data}))


def test_archived_parties_count_as_they_are_pulled(there: TrytonSandbox, spoke: Tryton) -> None:
    gone, _, _ = (party(there, name) for name in ("A", "B", "C"))
    there.mutate({"do": "delete", "stream": "parties", "id": gone})
    assert (spoke.count(PARTIES, None), spoke.count(SALES, None)) == (3, 0)


def test_a_party_whose_part_has_changed_since_has_changed(
    there: TrytonSandbox, spoke: Tryton
) -> None:
    one, _ = party(there, "A"), party(there, "B")
    there.clock.advance(timedelta(minutes=10))
    moment = there.clock.now() - timedelta(minutes=5)
    assert spoke.count(PARTIES, moment) == 0
    (way,) = (
        row["id"] for row in there.store.parts("party.party", {"id": one}, "contact_mechanisms")
    )
    data = {"value": "new@x.example"}
    there.mutate({"do": "write", "model": "party.contact_mechanism", "id": way, "data": data})
    assert spoke.count(PARTIES, moment) == 1


def test_the_sandbox_takes_no_more_than_theirs(spoke: Tryton) -> None:
    server = Server(spoke.http, spoke.database)
    with pytest.raises(hub.Transient, match="positional arguments"):
        server.call("party.party", "search_count", [], 0, None, None, context={})
