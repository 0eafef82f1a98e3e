"""Many writes in one `/Bulk` request: each its own outcome, and nobody else's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

import hub
from hub.testing import Fault, serve
from spokes.scim.sandbox import ScimSandbox
from spokes.scim.sandbox import sandbox as scim
from spokes.scim.spoke import Scim

USERS, GROUPS, _ = Scim.streams
WHOLE = "/Bulk$"


class Quick(Scim):
    """The spoke without its pace: a sandbox on this machine need not be spared."""

    rate = hub.Rate(calls=100_000)


@pytest.fixture
def server() -> Iterator[ScimSandbox]:
    with serve(ScimSandbox()) as served:
        yield served


@pytest.fixture
def spoke(server: ScimSandbox) -> Iterator[Scim]:
    made = Quick.model_validate(server.settings()).using(clock=server.clock.now)
    yield made
    made.close()


def new(number: int, **data: Any) -> hub.Write:
    return hub.Write(None, {"userName": f"user{number:02}"} | data, key=f"key-{number:02}")


def told(outcomes: Sequence[hub.Receipt | hub.SyncError]) -> list[str]:
    return [type(outcome).__name__ for outcome in outcomes]


def names(server: ScimSandbox) -> list[str]:
    return sorted(server.shelf.user_names().values())


def make(server: ScimSandbox, name: str) -> str:
    command = {"do": "create", "stream": "Users", "data": {"userName": name}}
    return str(server.mutate(command))


def test_each_write_has_the_outcome_that_it_would_have_alone(
    server: ScimSandbox, spoke: Scim
) -> None:
    stale, fine = make(server, "stale"), make(server, "fine")
    [seen] = spoke.fetch(USERS, [stale])
    server.clock.advance(hub.Keyset().overlap)
    theirs = {"displayName": "Theirs"}
    server.mutate({"do": "update", "stream": "Users", "id": stale, "data": theirs})
    ours = {"displayName": "Ours"}
    writes = [
        new(1),
        hub.Write(stale, ours, "k", seen.version),
        hub.Write("nobody", ours, "k"),
        new(2, nonsense="x"),
        hub.Write(fine, ours, "k"),
    ]
    outcomes = spoke.upsert_many(USERS, writes)
    assert told(outcomes) == ["Receipt", "Conflict", "NotFound", "Permanent", "Receipt"]
    assert outcomes[4] == hub.Receipt(fine)
    shown = {one.id: one.data for one in spoke.fetch(USERS, [stale, fine])}
    assert [(shown[id] or {}).get("displayName") for id in (stale, fine)] == ["Theirs", "Ours"]
    for write, outcome in zip(writes[1:4], outcomes[1:4], strict=True):
        with pytest.raises(hub.SyncError) as alone:
            spoke.upsert(USERS, write)
        assert type(alone.value) is type(outcome)
    assert len(server.journal.of(WHOLE)) == 1


def test_a_server_is_given_no_more_than_it_takes_at_once(server: ScimSandbox, spoke: Scim) -> None:
    config = server.provider.config
    assert config is not None
    assert config.bulk is not None
    config.bulk.max_operations = 7
    assert told(spoke.upsert_many(USERS, [new(n) for n in range(20)])) == ["Receipt"] * 20
    assert [len(entry.parts) for entry in server.journal.of(WHOLE)] == [7, 7, 6]
    config.bulk.max_operations, config.bulk.max_payload_size = 50, 2_000
    writes = [new(20 + n, displayName="x" * size) for n, size in enumerate((900, 900, 5_000, 10))]
    assert told(spoke.upsert_many(USERS, writes)) == ["Receipt"] * 4
    assert [len(entry.parts) for entry in server.journal.of(WHOLE)[3:]] == [1, 2]
    assert names(server) == [f"user{n:02}" for n in range(24)]


def test_a_server_without_bulk_requests_is_written_to_one_by_one(
    server: ScimSandbox, spoke: Scim
) -> None:
    server.mutate({"do": "impoverish"})
    assert told(spoke.upsert_many(USERS, [new(n) for n in range(3)])) == ["Receipt"] * 3
    assert server.journal.of(WHOLE) == []


def test_a_text_that_would_refer_to_another_answer_arrives_as_it_is(spoke: Scim) -> None:
    outcomes = spoke.upsert_many(USERS, [new(1), new(2, displayName="bulkId:w0")])
    assert isinstance(outcomes[1], hub.Receipt)
    [shown] = spoke.fetch(USERS, [outcomes[1].id])
    assert (shown.data or {})["displayName"] == "bulkId:w0"


def test_what_fails_inside_a_good_answer_fails_alone(server: ScimSandbox, spoke: Scim) -> None:
    server.faults.add(Fault(method="POST", path="/Users$", skip=1, status=429))
    outcomes = spoke.upsert_many(USERS, [new(n) for n in range(3)])
    assert told(outcomes) == ["Receipt", "RateLimited", "Receipt"]
    assert names(server) == ["user00", "user02"]


def test_a_batch_whose_answer_is_lost_is_repeated_without_a_second_record(
    server: ScimSandbox, spoke: Scim
) -> None:
    writes = [new(n) for n in range(5)]
    server.faults.add(Fault(path=WHOLE, drop="after"))
    with pytest.raises(hub.Transient):
        spoke.upsert_many(USERS, writes)
    assert told(spoke.upsert_many(USERS, writes)) == ["Receipt"] * 5
    assert names(server) == [f"user{n:02}" for n in range(5)]


def test_a_part_that_breaks_off_is_repeated_without_a_second_record(
    server: ScimSandbox, spoke: Scim
) -> None:
    server.faults.add(Fault(method="POST", path="/Users$", skip=1, drop="after"))
    assert told(spoke.upsert_many(USERS, [new(0), new(1)])) == ["Receipt", "Transient"]
    assert told(spoke.upsert_many(USERS, [new(1)])) == ["Receipt"]
    assert names(server) == ["user00", "user01"]


def test_a_change_is_made_only_to_what_was_compared(server: ScimSandbox, spoke: Scim) -> None:
    [seen] = spoke.fetch(USERS, [make(server, "one")])
    assert seen.data is not None
    write = hub.Write(seen.id, {"displayName": "x"}, "k", seen.version)
    assert told(spoke.upsert_many(USERS, [write])) == ["Receipt"]
    [part] = server.journal.of("/Users/", "PATCH")
    assert part.headers["if-match"] == seen.data["meta"]["version"]


def test_answers_without_our_names_are_known_by_their_address(
    server: ScimSandbox, spoke: Scim
) -> None:
    """`bulkId` is required of creations only."""
    ids = [make(server, "one"), make(server, "two")]
    operations = [
        {"method": "PATCH", "location": f"https://x.example/v2/Users/{id}", "status": status}
        for id, status in zip(reversed(ids), ("200", "412"), strict=True)
    ]
    server.faults.add(Fault(path=WHOLE, status=200, body={"Operations": operations}))
    writes = [hub.Write(id, {"displayName": "x"}, "k") for id in ids]
    assert told(spoke.upsert_many(USERS, writes)) == ["Conflict", "Receipt"]


def good(number: int, **more: Any) -> dict[str, Any]:
    at = f"https://x.example/v2/Users/{number}"
    return {"method": "POST", "bulkId": f"w{number}", "location": at, "status": "201"} | more


@pytest.mark.parametrize(
    "operations",
    [
        None,
        [],
        [good(0)],
        [good(0), good(1), good(1)],
        [good(0), good(7)],
        [good(0), good(1, bulkId=None)],
        [good(0), good(1, method="DELETE")],
        [good(0), good(1, status="99")],
        [good(0), good(1, status=None)],
        [good(0), good(1, status="9" * 5000)],
        [good(0), good(1, bulkId=None, location="https://[")],
        [good(0), 7],
    ],
    ids=str,
)
def test_an_answer_to_something_else_is_nobodys_receipt(
    server: ScimSandbox, spoke: Scim, operations: Any
) -> None:
    server.faults.add(Fault(path=WHOLE, status=200, body={"Operations": operations}))
    with pytest.raises(hub.Transient, match="/Bulk: "):
        spoke.upsert_many(USERS, [new(0), new(1)])


def test_an_answer_to_something_else_is_told_without_who_it_is_about(
    server: ScimSandbox, spoke: Scim
) -> None:
    other = {"response": {"userName": "zoe"}, **good(7)}
    server.faults.add(Fault(path=WHOLE, status=200, body={"Operations": [good(0), other]}))
    with pytest.raises(hub.Transient, match="POST, w7, https://") as told:
        spoke.upsert_many(USERS, [new(0), new(1)])
    assert "zoe" not in str(told.value)


@pytest.mark.parametrize("location", [None, "", 7, "https://x.example/v2/Users/", "https://["])
def test_a_creation_without_an_id_is_asked_for_again(
    server: ScimSandbox, spoke: Scim, location: Any
) -> None:
    body = {"Operations": [good(0), good(1, location=location)]}
    server.faults.add(Fault(path=WHOLE, status=200, body=body))
    assert told(spoke.upsert_many(USERS, [new(0), new(1)])) == ["Receipt", "Transient"]


def test_the_sandbox_takes_no_more_than_it_says(server: ScimSandbox, spoke: Scim) -> None:
    schema = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
    one = {"method": "POST", "path": "/Users", "bulkId": "x", "data": {}}
    body = {"schemas": [schema], "Operations": [one] * (scim.MOST + 1)}
    assert spoke.http.post("/Bulk", json=body, check=False).status_code == 413
    assert server.journal.of(WHOLE)[0].parts == []
