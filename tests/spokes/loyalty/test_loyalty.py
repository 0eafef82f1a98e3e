"""The loyalty service: what its sandbox refuses, what the hub makes of its records, erasures, claims."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

import hub
from hub import registry
from hub.mapping import load as load_mappings
from hub.store import entities
from hub.testing import Fault, serve
from spokes.loyalty.sandbox import LoyaltySandbox

MAPPINGS = Path(__file__).parents[3] / "mappings" / "loyalty"
MEMBERS, POINTS = hub.Stream("members"), hub.Stream("points")


@pytest.fixture
def loyalty() -> Iterator[LoyaltySandbox]:
    with serve(LoyaltySandbox()) as sandbox:
        yield sandbox


@pytest.fixture
def spoke(loyalty: LoyaltySandbox) -> Iterator[Any]:
    kind = registry.find("loyalty")
    kind.rate = hub.Rate(calls=1_000_000)
    made = kind.model_validate(loyalty.settings()).using(clock=loyalty.clock.now)
    yield made
    made.close()


def rows(pages: Any) -> list[dict[str, Any]]:
    return [row for page in pages if page.body for row in orjson.loads(page.body)["items"]]


def mapping(name: str) -> Any:
    return load_mappings(MAPPINGS / f"{name}.yaml", shape_of=lambda to: entities.find(to).shape)[0]


def test_everything_that_the_service_holds_can_be_mapped(spoke: Any) -> None:
    members, points = rows(spoke.pull(MEMBERS, None)), rows(spoke.pull(POINTS, None))
    assert (len(members), len(points)) == (150, 400)
    for member in members:
        read = mapping("members").inward(member)
        assert bool(read["email"]) == member["email_verified"]
    claims = [movement for movement in points if mapping("points").applies(movement)]
    assert len(claims) == 16
    assert {mapping("points").inward(claim)["state"] for claim in claims} == {"1"}


def test_a_balance_is_what_was_booked_and_a_claim_counts_when_it_is_granted(
    loyalty: LoyaltySandbox, spoke: Any
) -> None:
    data = {"member_id": "M1000001", "kind": "claim", "points": 70, "state": "claimed"}
    before = loyalty.ledger.last("members", "M1000001")["balance"]
    claim = loyalty.mutate({"do": "create", "stream": "points", "data": data})
    assert loyalty.ledger.last("members", "M1000001")["balance"] == before
    spoke.upsert(POINTS, hub.Write(claim, {"state": "granted", "answer": "Booked"}, "k"))
    assert loyalty.ledger.last("members", "M1000001")["balance"] == before + 70


def test_only_a_claim_is_decided_upon(spoke: Any) -> None:
    with pytest.raises(hub.Permanent, match="only a claim is decided upon"):
        spoke.upsert(POINTS, hub.Write("T1000001", {"state": "refused"}, "k"))
    with pytest.raises(hub.Permanent, match="cannot be set"):
        spoke.upsert(POINTS, hub.Write("T1000001", {"points": 9999}, "k"))


def test_a_movement_can_neither_be_made_nor_deleted_by_the_hub(
    loyalty: LoyaltySandbox, spoke: Any
) -> None:
    with pytest.raises(hub.Permanent, match=r"points: its spoke\.yaml has no `create`"):
        spoke.upsert(POINTS, hub.Write(None, {"kind": "earn"}, "k"))
    with pytest.raises(hub.Permanent, match=r"points: its spoke\.yaml has no `delete`"):
        spoke.delete(POINTS, "T1000001")
    assert len(loyalty.journal) == 0


def test_an_erased_member_is_told_as_gone_and_takes_no_changes(
    loyalty: LoyaltySandbox, spoke: Any
) -> None:
    cursor = [page.cursor for page in spoke.pull(MEMBERS, None)][-1]
    loyalty.mutate({"do": "delete", "stream": "members", "id": "M1000007"})
    told = [change for page in spoke.pull(MEMBERS, cursor) for change in page.changes]
    assert [(change.id, change.data) for change in told if change.data is None] == [
        ("M1000007", None)
    ]
    with pytest.raises(hub.Permanent, match="was erased") as caught:
        spoke.upsert(MEMBERS, hub.Write("M1000007", {"city": "Bergen"}, "k"))
    assert not isinstance(caught.value, hub.Conflict)


def test_a_page_token_that_expired_begins_its_window_anew(
    loyalty: LoyaltySandbox, spoke: Any
) -> None:
    loyalty.page_size = 100
    first = next(iter(spoke.pull(MEMBERS, None)))
    loyalty.clock.advance(timedelta(hours=1))
    assert len(rows(spoke.pull(MEMBERS, first.cursor))) == 150
    assert [entry.status for entry in loyalty.journal][:2] == [200, 410]


def test_the_service_refuses_a_clock_that_is_wrong(loyalty: LoyaltySandbox, spoke: Any) -> None:
    slow = spoke.using(clock=lambda: loyalty.clock.now() - timedelta(minutes=6))
    with pytest.raises(hub.AuthFailed, match="stale"):
        list(slow.pull(MEMBERS, None))
    slow.close()


def test_the_service_refuses_another_key(loyalty: LoyaltySandbox, spoke: Any) -> None:
    for name in ("key_id", "key_secret"):
        other = type(spoke).model_validate({**loyalty.settings(), name: "another-one"})
        other = other.using(clock=loyalty.clock.now)
        with pytest.raises(hub.AuthFailed, match="unsigned"):
            list(other.pull(MEMBERS, None))
        other.close()


def test_maintenance_in_a_200_is_passing(loyalty: LoyaltySandbox, spoke: Any) -> None:
    loyalty.faults.add(Fault(status=200, body={"status": "maintenance"}))
    with pytest.raises(hub.Transient, match="maintenance"):
        list(spoke.pull(MEMBERS, None))


def test_members_of_webhooks_are_what_a_pull_tells(loyalty: LoyaltySandbox, spoke: Any) -> None:
    (hook,) = loyalty.webhooks({"stream": "members", "id": "M1000001"})
    headers = {name.lower(): value for name, value in hook.headers}
    (told,) = spoke.parse(hub.Webhook(headers, hook.body))
    (pulled,) = [row for row in rows(spoke.pull(MEMBERS, None)) if row["id"] == "M1000001"]
    assert told == hub.Change("members", "M1000001", pulled, pulled["changed_at"])
    (hook,) = loyalty.webhooks({"stream": "members", "id": "M1000001", "topic": "member.erased"})
    (gone,) = spoke.parse(hub.Webhook(headers, hook.body))
    assert (gone.id, gone.data) == ("M1000001", None)
