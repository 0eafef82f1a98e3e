"""A real canaille pushes its users and groups into the hub, and the SCIM spoke pulls them out of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

import hub
from hub import web
from hub.running import Web, serving
from hub.store import access, sets
from hub.store.database import Database
from hub.sync.connection import Connections
from spokes.scim.spoke import Scim
from tests.databases import ON_POSTGRESQL, ON_SQLITE
from tests.real.canaille import ENTERPRISE, Canaille, started

pytestmark = pytest.mark.timeout(900)

PASSWORD = "correct horse battery staple"


@contextmanager
def connected(db: Database, folder: Path) -> Iterator[Canaille]:
    """A canaille that pushes into the hub of this database."""
    with db.write() as tx:
        _, token = access.create_for(tx, "canaille", time.time())
    with (
        serving(Web(web.create(db, Connections([]), clock=time.time))) as address,
        started(folder, pushes_to=f"{address}/scim/v2", token=token) as there,
    ):
        yield there


def rows(db: Database, query: str) -> list[tuple[Any, ...]]:
    with db.read() as tx:
        return [tuple(row) for row in tx.exec_driver_sql(sets.placeholders(tx, query))]


@ON_POSTGRESQL
def test_it_pushes_users_and_groups(db: Database, tmp_path: Path) -> None:
    with capture_logs() as logs, connected(db, tmp_path) as there:
        jane = there.user("jane", password=PASSWORD, **{ENTERPRISE: {"employeeNumber": "7"}})
        john = there.user("john")
        people = (
            "SELECT user_name, last_name, email, employee_number, title FROM sys_user ORDER BY 1"
        )
        assert rows(db, people) == [
            ("jane", "Doe", "jane@doe.example", "7", None),
            ("john", "Doe", "john@doe.example", None, None),
        ]
        links = "SELECT external_id FROM hub_external_ref WHERE stream = 'scim/Users'"
        assert {one for (one,) in rows(db, links)} == {jane["id"], john["id"]}

        there.change(f"/Users/{jane['id']}", title="Manager")  # with an If-Match of its own
        assert rows(db, people)[0][-1] == "Manager"

        group = there.group("Stores", jane["id"], john["id"])
        names = (
            (
                "SELECT g.name, u.user_name FROM sys_user_grmember m JOIN sys_user u ON u.sys_id = m.user"
                " JOIN sys_user_group g ON g.sys_id = m.group ORDER BY 2"
            )
            .replace("m.user", 'm."user"')
            .replace("m.group", 'm."group"')
        )
        assert rows(db, names) == [("Stores", "jane"), ("Stores", "john")]

        there.change(f"/Users/{john['id']}", active=False)
        state = "SELECT user_name, active FROM sys_user ORDER BY 1"
        assert [(n, bool(a)) for n, a in rows(db, state)] == [("jane", True), ("john", False)]

        there.delete(f"/Users/{john['id']}")
        assert rows(db, names) == [("Stores", "jane")]
        there.delete(f"/Groups/{group['id']}")
        gone = (
            "SELECT external_id FROM hub_external_ref WHERE deleted_at IS NOT NULL"
            " AND table_name <> 'sys_user_grmember'"
        )
        assert {one for (one,) in rows(db, gone)} == {john["id"], group["id"]}
        there.delete(f"/Users/{jane['id']}")
    assert [bool(active) for _, active in rows(db, state)] == [False, False]
    kept = [
        rows(db, f"SELECT * FROM {table}")
        for table in ("sys_user", "sys_audit", "hub_external_ref")
    ]
    assert PASSWORD not in str((kept, logs))


@ON_SQLITE
def test_the_spoke_pulls_from_it(db: Database, tmp_path: Path) -> None:
    users, groups, memberships = Scim.streams
    with connected(db, tmp_path) as there:
        made = {there.user(name)["id"]: name for name in ("ada", "bob", "cid")}
        group = there.group("Stores", *made)
        token = there.http.headers["Authorization"].removeprefix("Bearer ")
        spoke = Scim.model_validate({"url": there.url, "sandbox": True, "token": token})

        pages = list(spoke.pull(users, None))
        told = {c.id: c.data["userName"] for page in pages for c in page.changes if c.data}
        assert told == made, "it ignores filters, and takes no count"
        assert spoke.count(users, None) == len(made)
        assert pages[-1].cursor == hub.LISTED
        with pytest.raises(hub.CursorLost):
            list(spoke.pull(users, hub.LISTED))
        [listed] = [c for page in spoke.pull(groups, None) for c in page.changes]
        assert listed.id == group["id"]
        assert listed.data is not None
        assert {one["value"] for one in listed.data["members"]} == set(made.values()), (
            "a member's value is the userName, whatever RFC 7643 says"
        )
        pairs = list(spoke.pull(memberships, None))
        joined = {c.id: c.data for page in pairs for c in page.changes}
        assert joined.keys() == {f"{group['id']}|{user}" for user in made}, "by the users' ids"
        assert pairs[-1].cursor == hub.LISTED
        assert all(data and data["user"] in made for data in joined.values())

        ada = next(iter(made))
        found = {change.id: change.data for change in spoke.fetch(users, [ada, "nobody"])}
        assert found[ada] is not None
        assert found["nobody"] is None

        data = {"userName": "dan", "active": True, ENTERPRISE: {},
                "name": {"formatted": "Dan Doe", "familyName": "Doe"}}  # fmt: skip
        dan = spoke.upsert(users, hub.Write(None, data, "key-1")).id
        assert spoke.upsert(users, hub.Write(None, data, "key-1")).id == dan, "not a second one"
        spoke.upsert(users, hub.Write(dan, {"title": "Owner"}, "key-2"))
        [now] = spoke.fetch(users, [dan])
        assert now.data is not None
        assert now.data["title"] == "Owner"
        spoke.delete(users, dan)
        assert [change.data for change in spoke.fetch(users, [dan])] == [None]

        counting = spoke.model_copy(update={"page_size": 10}).using()
        with pytest.raises(hub.Transient, match="500"):
            list(counting.pull(users, None))
        spoke.close()
        counting.close()
