"""A directory that pushes into a hub: its token, and the words that it uses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from hub import web
from hub.store import access
from hub.store.database import Database
from hub.sync.connection import Connections
from tests.web.conftest import Clock, House, inside

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

Json = dict[str, Any]


@dataclass
class Directory:
    """One tenant: what it sends, and what it hears."""

    house: House
    http: httpx.Client

    def user(self, user_name: str, /, **more: Any) -> Json:
        """Create a user; the resource as it is answered."""
        said = {"schemas": [USER], "userName": user_name, **more}
        answer = self.http.post("/scim/v2/Users", json=said)
        assert answer.status_code == 201, answer.text
        made: Json = answer.json()
        return made

    def group(self, name: str, *members: str, **more: Any) -> Json:
        said = {"schemas": [GROUP], "displayName": name, **more}
        if members:
            said["members"] = [{"value": id} for id in members]
        answer = self.http.post("/scim/v2/Groups", json=said)
        assert answer.status_code == 201, answer.text
        made: Json = answer.json()
        return made

    def patch(self, path: str, *operations: Json, **headers: str) -> httpx.Response:
        said = {"schemas": [PATCH], "Operations": list(operations)}
        return self.http.patch(f"/scim/v2/{path}", json=said, headers=headers)

    def get(self, path: str, **query: Any) -> Json:
        answer = self.http.get(f"/scim/v2/{path}", params=query)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def find(self, kind: str, filter: str, **query: Any) -> list[Json]:
        answer = self.get(kind, filter=filter, **query)
        found: list[Json] = answer.get("Resources", [])
        assert answer["totalResults"] == len(found)
        return found

    def members(self, group: str) -> set[str]:
        return {one["value"] for one in self.get(f"Groups/{group}").get("members", [])}


Enroll = Callable[[str], Directory]


@pytest.fixture
def hub_house(db: Database) -> House:
    """A hub of this test's database, without connections."""
    clock, connections = Clock(), Connections([])
    return House(db, web.create(db, connections, clock=clock), connections, clock)


@pytest.fixture
def enroll(hub_house: House) -> Enroll:
    """Let a directory push: its client has a token of its own."""

    def enrolled(name: str) -> Directory:
        with hub_house.db.write() as tx:
            _, token = access.create_for(tx, name, hub_house.clock())
        headers = {"Authorization": f"Bearer {token}"}
        return Directory(hub_house, inside(hub_house.app, headers))

    return enrolled


@pytest.fixture
def okta(enroll: Enroll) -> Directory:
    return enroll("okta")
