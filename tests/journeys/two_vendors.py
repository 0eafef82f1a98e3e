"""A hub between a Salesforce org and a Dataverse environment, both on loopback, with one case."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import hub
from hub.queue import Lane
from hub.spoke import Spoke
from hub.store.attachments import Files
from hub.store.database import Database
from hub.sync.connection import Connection
from hub.sync.jobs import Poll
from hub.testing import serve
from spokes.dynamics365.sandbox import Dynamics365Sandbox
from spokes.dynamics365.spoke import Dynamics365
from spokes.salesforce.sandbox import SalesforceSandbox
from spokes.salesforce.spoke import Salesforce
from tests.sync.world import NO_FILES, World, mapped

MAPPINGS = Path(__file__).parents[2] / "mappings"
SOMEBODY = "0055g00000A0002AAB"
"""A user of the org who is not the hub's."""


class QuickOrg(Salesforce):
    rate = hub.Rate(calls=100_000)


class QuickField(Dynamics365):
    rate = hub.Rate(calls=100_000)


@dataclass
class TwoVendors:
    """The three sides, and what people do at each. `case` is ours, `theirs` the org's,
    `incident` the environment's.
    """

    db: Database
    org: SalesforceSandbox
    field: Dynamics365Sandbox
    world: World
    case: str = ""
    theirs: str = ""
    incident: str = ""

    def round(self, *, times: int = 1) -> None:
        """Let time pass, poll both, and do everything that follows."""
        for _ in range(times):
            for sandbox in (self.org, self.field):
                sandbox.clock.advance(timedelta(minutes=10))
            self._put_polls()
            self.work()

    def hear(self) -> None:
        """Let time pass and poll both, and do nothing of what follows yet."""
        for sandbox in (self.org, self.field):
            sandbox.clock.advance(timedelta(minutes=10))
        self._put_polls()
        self.world.clock.now = self.org.clock.now().timestamp()
        self.world.hub.worker(threads=1, lanes=[Lane.POLL]).run_until_idle()

    def _put_polls(self) -> None:
        for name, connection in self.world.connections.items():
            self.world.put(*(Poll(name, stream) for stream in connection.mappings))

    def work(self) -> None:
        """Do what is due now."""
        self.world.clock.now = self.org.clock.now().timestamp()
        self.world.work()

    def a_moment_later(self) -> None:
        """Time for a second try, and not for a poll."""
        for sandbox in (self.org, self.field):
            sandbox.clock.advance(timedelta(seconds=5))
        self.work()

    def settle(self) -> None:
        self.round(times=3)

    # -- what people do

    def say(self, **text: str) -> None:
        """An agent writes `comments` or `work_notes` in the hub."""
        self.world.clock.now = self.org.clock.now().timestamp()
        self.world.edit("case", self.case, **text)

    def say_in_org(self, text: str, *, public: bool) -> str:
        said = {"ParentId": self.theirs, "CommentBody": text, "IsPublished": public}
        data = said | {"CreatedById": SOMEBODY}
        return str(self.org.mutate({"do": "create", "stream": "CaseComment", "data": data}))

    def say_in_field(self, text: str) -> str:
        about = {"objectid_incident@odata.bind": f"/incidents({self.incident})"}
        data = {"notetext": text} | about
        return str(self.field.mutate({"do": "create", "stream": "annotations", "data": data}))

    # -- what there is

    def heard(self) -> list[tuple[str, str]]:
        """(element, text) of the case's entries in the hub, oldest first."""
        return [(one["element"], one["value"]) for one in self.world.notes(self.case)]

    def in_org(self) -> list[tuple[str, str]]:
        """The same in the org, in the order in which they came."""
        rows = list(self.org.tables["CaseComment"].rows.values())
        return [
            ("comments" if row["IsPublished"] else "work_notes", row["CommentBody"])
            for row in rows
            if row["ParentId"] == self.theirs and not row["IsDeleted"]
        ]

    def in_field(self) -> list[tuple[str, str]]:
        """The same in the environment: what a portal shows begins with a mark."""
        rows = self.field.rows.of_name("annotation").rows.values()
        texts = [row["notetext"] for row in rows if row["objectid"] == self.incident]
        return [
            ("comments", text.removeprefix("*WEB* "))
            if text.startswith("*WEB*")
            else ("work_notes", text)
            for text in texts
        ]

    def writes(self) -> int:
        """How many requests have changed anything on either side."""
        changing = {"POST", "PATCH", "PUT", "DELETE"}
        told = [*self.org.journal, *self.field.journal]
        return sum(one.method in changing and "/token" not in one.path for one in told)


@contextmanager
def two_vendors(
    db: Database, *, streams: tuple[str, ...] = ("CaseComment", "annotations"),
    files: Files | None = None,
) -> Iterator[TwoVendors]:  # fmt: skip
    """Both are empty but for an account and a case, which is linked on both sides. Time stands still."""
    with serve(SalesforceSandbox(count=0)) as org, serve(Dynamics365Sandbox()) as field:
        for sandbox in (org, field):
            sandbox.clock.freeze()
        _empty(org, field)
        spokes = [
            QuickOrg.model_validate(org.settings()).using(clock=org.clock.now),
            QuickField.model_validate(field.settings()).using(clock=field.clock.now),
        ]
        world = World(db, files=files or NO_FILES)
        world.connect(
            connection("crm", spokes[0], "salesforce", {"Account", "Case", *streams}),
            connection("field", spokes[1], "dynamics365", {"accounts", "incidents", *streams}),
        )
        both = TwoVendors(db, org, field, world)
        _with_one_case(both)
        yield both
        for spoke in spokes:
            spoke.close()


def _empty(org: SalesforceSandbox, field: Dynamics365Sandbox) -> None:
    """Leave nothing but one account, at the environment."""
    for name in ("Account", "Contact"):
        for id in list(org.tables[name].rows):
            org.tables[name].purge(id)
    for name in ("annotation", "bookableresourcebooking", "msdyn_workorder", "incident", "account"):
        table = field.rows.of_name(name)
        for id in list(table.rows)[1 if name == "account" else 0 :]:
            field.rows.delete(table, id)


def connection(name: str, spoke: Spoke, folder: str, streams: set[str]) -> Connection:
    """With the mappings that ship with the spoke, of some streams."""
    mappings = {
        stream.name: mapped(file)
        for stream in spoke.streams
        if stream.name in streams and (file := MAPPINGS / folder / f"{stream.name}.yaml").exists()
    }
    return Connection(name, spoke, mappings)


def _with_one_case(both: TwoVendors) -> None:
    account = next(iter(both.field.rows.of_name("account").rows))
    data: dict[str, Any] = {
        "title": "Till 4 is dead",
        "customerid_account@odata.bind": f"/accounts({account})",
    }
    both.incident = both.field.mutate({"do": "create", "stream": "incidents", "data": data})
    both.settle()
    [row] = both.world.rows("case")
    both.case = row["sys_id"]
    [case] = both.org.tables["Case"].rows.values()
    both.theirs = case["Id"]


def restarted(both: TwoVendors) -> TwoVendors:
    """The same hub after a restart: nothing is kept but what is on disk."""
    return replace(
        both, world=World(both.db, both.world.connections, both.world.clock, both.world.files)
    )
