"""The sandbox's records: scim2-server's memory storage, whose stamps and ids can be told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import count
from typing import Any

from scim2_models import NotFoundException, Resource, ResourceType, SCIMException
from scim2_server.memory import InMemoryStorage

from hub.testing import BadCommand


class Shelf(InMemoryStorage):
    """Keeps what the API shows, by the sandbox's clock, in whole seconds as servers do."""

    supports_cursors = False

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__(clock=self._moment)
        self._now, self._at, self._id = now, None, ""
        self._numbers = count(1)

    _at: datetime | None

    def new_id(self) -> str:
        """Ids in the order in which they were given out."""
        return f"{next(self._numbers):032x}"

    def generate_id(self, resource_type: ResourceType, resource: Resource[Any]) -> str:
        del resource_type, resource
        return self._id or self.new_id()

    def ids(self, kind: str) -> list[str]:
        return [
            str(one.id) for one in self.resources if one.meta and one.meta.resource_type == kind
        ]

    def user_names(self) -> dict[str, str]:
        """The userNames of users by their id."""
        users = [one for one in self.resources if one.meta and one.meta.resource_type == "User"]
        return {str(one.id): one.model_dump()["userName"] for one in users}

    def members(self, kind: ResourceType, group: str) -> list[dict[str, Any]]:
        """Who is in a group; raises `BadCommand` if there is no such group."""
        try:
            found = self.get(kind, group).model_dump()
        except NotFoundException as error:
            raise BadCommand(str(error.detail)) from error
        return list(found.get("members") or ())

    def add(
        self, kind: ResourceType, resource: Resource[Any], id: str, at: datetime | None
    ) -> None:
        """Raises `BadCommand` for what the API would refuse."""
        self._id = id
        try:
            self._stamped(at, lambda: self.create(kind, resource))
        finally:
            self._id = ""

    def alter(
        self, kind: ResourceType, change: Resource[Any], id: str, at: datetime | None
    ) -> None:
        """Raises `BadCommand`."""

        def update() -> None:
            known = self.get(kind, id)
            for name in change.model_fields_set - {"schemas"}:
                setattr(known, name, getattr(change, name))
            self.update(kind, known)

        self._stamped(at, update)

    def take(self, kind: ResourceType, id: str) -> None:
        """Delete one; raises `BadCommand`."""
        self._stamped(None, lambda: self.delete(kind, id))

    def _stamped(self, at: datetime | None, act: Callable[[], object]) -> None:
        self._at = at
        try:
            act()
        except NotFoundException as error:
            raise BadCommand(str(error.detail)) from error
        except SCIMException as error:
            raise BadCommand(f"refused: {error.detail}") from error
        finally:
            self._at = None

    def _moment(self) -> datetime:
        return (self._at or self._now()).replace(microsecond=0)
