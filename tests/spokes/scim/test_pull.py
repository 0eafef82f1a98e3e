"""Users and groups out of SCIM servers: good ones, poor ones, and those that promise too much."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

import hub
from hub import web
from hub.running import Web, serving
from hub.store import access
from hub.store.database import Database
from hub.sync.connection import Connections
from hub.testing import Fault, serve
from spokes.scim.sandbox import ScimSandbox
from spokes.scim.spoke import Scim
from tests.real.conftest import real
from tests.real.world import synced

__all__ = ["real"]

USERS, GROUPS, _ = Scim.streams


@pytest.fixture
def server() -> Iterator[ScimSandbox]:
    with serve(ScimSandbox()) as served:
        yield served


@pytest.fixture
def spoke(server: ScimSandbox) -> Iterator[Scim]:
    made = Scim.model_validate(server.settings()).using(clock=server.clock.now)
    yield made
    made.close()


def people(server: ScimSandbox, number: int) -> list[str]:
    return [
        server.mutate({"do": "create", "stream": "Users", "data": {"userName": f"u{n}"}})
        for n in range(number)
    ]


def poor(server: ScimSandbox) -> None:
    server.mutate({"do": "impoverish"})


def ids(pages: list[hub.Page]) -> list[str]:
    return [change.id for page in pages for change in page.changes]


def test_a_server_that_cannot_filter_is_listed_whole_every_time(
    server: ScimSandbox, spoke: Scim
) -> None:
    poor(server)
    made = people(server, 7)
    server.page_size = 3
    pages = list(spoke.pull(USERS, None))
    assert ids(pages) == made
    assert [page.cursor for page in pages] == ["list:4", "list:7", "list:8", hub.LISTED]
    assert ids(list(spoke.pull(USERS, "list:4"))) == made[3:]
    assert not [call for call in server.journal.of("Users") if "count" in dict(call.query)]


def test_what_moves_up_while_a_list_gets_shorter_is_not_missed(
    server: ScimSandbox, spoke: Scim
) -> None:
    poor(server)
    made = people(server, 6)
    server.page_size = 2
    pages = spoke.pull(USERS, None)
    seen = [next(pages)]
    server.mutate({"do": "delete", "stream": "Users", "id": made[0]})
    seen += pages
    assert set(ids(seen)) >= set(made[1:])


def test_a_server_that_ignores_what_it_says_it_can_is_found_out(
    server: ScimSandbox, spoke: Scim
) -> None:
    people(server, 2)
    cursor = list(spoke.pull(USERS, None))[-1].cursor
    server.clock.advance(hub.Stream("x").every * 12)
    people_later = {"do": "create", "stream": "Users", "data": {"userName": "late"}}
    server.mutate(people_later)
    can = {"filter": {"supported": True}, "sort": {"supported": True}, "patch": {"supported": True}}
    poor(server)
    server.faults.add(Fault(path="ServiceProviderConfig", body=can, times=None))
    with pytest.raises(hub.Permanent, match="incremental: false"):
        list(spoke.pull(USERS, cursor))
    with pytest.raises(hub.Permanent, match="does not"):
        list(spoke.fetch(USERS, ["0" * 32]))
    slow = spoke.model_copy(update={"incremental": False}).using()
    assert len(ids(list(slow.pull(USERS, None)))) == 3
    slow.close()


def test_what_a_server_leaves_out_is_null_where_it_is_wanted(
    server: ScimSandbox, spoke: Scim
) -> None:
    data = {"userName": "a", "emails": [{"value": "a@b.c"}]}
    id = server.mutate({"do": "create", "stream": "Users", "data": data})
    urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
    wants = ("title", "name.givenName", "emails.value", "emails.type", f"{urn}.employeeNumber")
    [change] = spoke.fetch(hub.Stream("Users", wants=wants), [id])
    assert change.data is not None
    wanted = {"title", "name", "emails", urn}
    assert {key: change.data[key] for key in wanted} == {
        "title": None,
        "name": None,
        "emails": [{"value": "a@b.c", "type": None}],
        urn: None,
    }


@pytest.mark.parametrize("able", [True, False])
def test_a_write_finds_who_is_there_already(
    server: ScimSandbox, spoke: Scim, *, able: bool
) -> None:
    there = server.mutate({"do": "create", "stream": "Users", "data": {"userName": "Ada"}})
    if not able:
        poor(server)
    write = hub.Write(None, {"userName": "ada", "title": "Owner"}, "our-sys-id")
    assert spoke.upsert(USERS, write).id == there
    [change] = spoke.fetch(USERS, [there])
    assert change.data is not None
    assert (change.data["title"], server.shelf.ids("User")) == ("Owner", [there])


def test_a_value_is_taken_away_and_a_server_without_patch_gets_all(
    server: ScimSandbox, spoke: Scim
) -> None:
    data = {"userName": "ada", "title": "Manager", "nickName": "Addie"}
    id = server.mutate({"do": "create", "stream": "Users", "data": data})
    spoke.upsert(USERS, hub.Write(id, {"title": None}, "k"))
    server.faults.add(Fault(path="ServiceProviderConfig", body={"filter": {"supported": True}}))
    spoke.upsert(USERS, hub.Write(id, {"displayName": "Ada"}, "k"))
    assert server.journal.entries[-1].method == "PUT"
    [change] = spoke.fetch(USERS, [id])
    assert change.data is not None
    assert change.data["displayName"] == "Ada"
    assert change.data["nickName"] == "Addie"
    assert "title" not in change.data


def test_the_hubs_own_server_is_a_good_source(db: Database) -> None:
    with db.write() as tx:
        _, token = access.create_for(tx, "self", time.time())
    app = web.create(db, Connections([]), clock=time.time)
    with serving(Web(app)) as address:
        settings: dict[str, Any] = {"url": f"{address}/scim/v2", "sandbox": True, "token": token}
        spoke = Scim.model_validate({**settings, "page_size": 2})
        made = [
            spoke.upsert(USERS, hub.Write(None, {"userName": f"u{n}"}, f"k{n}")).id
            for n in range(5)
        ]
        assert ids(list(spoke.pull(USERS, None))) == [], "the newest seconds are left for later"
        listed = spoke.model_copy(update={"incremental": False}).using()
        assert ids(list(listed.pull(USERS, None))) == made
        found = [change.data is not None for change in spoke.fetch(USERS, [*made, "nobody"])]
        assert found == [*[True] * 5, False]
        [version] = [c.version for c in spoke.fetch(USERS, made[:1])]
        stale = version.replace("20", "19", 1)
        with pytest.raises(hub.Conflict):
            spoke.upsert(USERS, hub.Write(made[0], {"title": "x"}, "k", stale))
        spoke.upsert(USERS, hub.Write(made[0], {"title": "x"}, "k", version))
        spoke.delete(USERS, made[0])
        with pytest.raises(hub.NotFound):
            spoke.delete(USERS, made[0])
        spoke.close()
        listed.close()


def test_the_users_of_the_rfc_become_ours(
    db: Database, real: Callable[[str], Path], tmp_path: Path
) -> None:
    sandbox = ScimSandbox()
    full = (real("scim-rfc7643") / "rfc7643-8.3-enterprise_user.json").read_bytes()
    said = {k: v for k, v in orjson.loads(full).items() if k not in {"id", "meta"}}
    records = {"Groups": {"displayName": "Tour Guides"}, "Users": said}
    for stream, data in records.items():
        old = {"at": "2020-01-01T00:00:00+00:00"}
        sandbox.mutate({"do": "create", "stream": stream, "data": data, **old})
    with synced(db, sandbox, "scim", tmp_path / "config") as world:
        assert world.dead() == []
        [user] = world.rows("user")
        wanted = {
            "user_name": "bjensen@example.com",
            "first_name": "Barbara",
            "last_name": "Jensen",
            "email": "bjensen@example.com",
            "phone": "555-555-5555",
            "city": "Hollywood",
            "title": "Tour Guide",
            "employee_number": "701984",
            "active": True,
        }
        assert {name: user[name] for name in wanted} == wanted
        assert [row["name"] for row in world.rows("group")] == ["Tour Guides"]
