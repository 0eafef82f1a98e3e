"""A real Request Tracker 5: what the spoke reads and writes there, and a whole hub beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

import hub
from hub import config, queue
from hub.app import Hub
from hub.store import entities
from hub.store.database import Database
from hub.sync.records import command
from spokes.request_tracker.spoke import TICKETS, USERS, RequestTracker
from tests.proof.hubs import until
from tests.real import request_tracker
from tests.real.world import Synced

pytestmark = pytest.mark.timeout(300)

ODD = """ "quoted" 'single' \\ <b>&amp; %00 ß 漢字 🧰"""
INCIDENT = entities.find("incident")


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[request_tracker.RequestTracker]:
    with request_tracker.started(tmp_path_factory.mktemp("rt") / "rt") as running:
        yield running


@pytest.fixture
def build(there: request_tracker.RequestTracker) -> Iterator[Callable[..., RequestTracker]]:
    """Spokes whose clock is a minute ahead: a pull leaves the last 30 seconds to the next one."""
    built: list[RequestTracker] = []

    def make(transport: httpx.BaseTransport | None = None, **settings: Any) -> RequestTracker:
        spoke = RequestTracker(**there.settings(**settings)).using(transport=transport, clock=later)
        built.append(spoke)
        return spoke

    yield make
    for one in built:
        one.close()


def later() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)


def pulled(spoke: RequestTracker, cursor: str | None = None) -> tuple[dict[str, hub.Change], str]:
    pages = list(spoke.pull(TICKETS, cursor))
    return {one.id: one for page in pages for one in page.changes}, pages[-1].cursor


def one(spoke: RequestTracker, id: str) -> hub.JsonObject:
    [found] = spoke.fetch(TICKETS, [id])
    assert found.data
    return found.data


def test_it_tells_of_what_came_changed_went_and_was_merged(
    there: request_tracker.RequestTracker, build: Callable[..., RequestTracker]
) -> None:
    stays, goes, merged = (there.new(Subject=name) for name in ("stays", "goes", "merged"))
    first, cursor = pulled(build())
    assert {stays, goes, merged} <= set(first)
    there.change(stays, Subject="stays, changed")
    there.delete(goes)
    there.change(merged, MergeInto=stays)
    later_on, _ = pulled(build(), cursor)
    said = {id: later_on[id].data for id in (stays, goes, merged)}
    assert (said[goes], said[merged]) == (None, None)
    assert said[stays] == one(build(), stays)
    assert [change.data for change in build().fetch(TICKETS, [goes, merged, "99999"])] == [None] * 3


def test_tickets_and_users_are_counted(build: Callable[..., RequestTracker]) -> None:
    spoke = build()
    made = spoke.upsert(TICKETS, hub.Write(None, {"Subject": "Counted"}, "b" * 32))
    assert spoke.count(TICKETS, None) == len(pulled(spoke)[0])
    users = [one for page in spoke.pull(USERS, None) for one in page.changes]
    assert spoke.count(USERS, None) == len(users)
    moment = datetime.fromisoformat(made.version)
    since = spoke.count(TICKETS, moment)
    assert since is not None
    assert since >= 1
    assert spoke.count(TICKETS, moment + timedelta(hours=1)) == 0


def test_ties_are_read_on_by_number(
    there: request_tracker.RequestTracker, build: Callable[..., RequestTracker]
) -> None:
    made = [there.new(Subject=f"tie {n}") for n in range(3)]
    found, _ = pulled(build())
    assert set(made) <= set(found)
    for id in made:
        at = datetime.fromisoformat(found[id].version)
        window = hub.Window(at, str(int(id) - 1), at + timedelta(seconds=1))
        [batch, *_] = build()._changed(window)
        assert batch[0].id == id
        assert {change.version for change in batch} == {found[id].version}


def test_what_is_unset_is_none_and_ids_are_text(
    there: request_tracker.RequestTracker, build: Callable[..., RequestTracker]
) -> None:
    id = there.new(Subject="a ticket", Requestor="joe@doe.example")
    ticket = one(build(), id)
    assert (ticket["Due"], ticket["Resolved"], ticket["Owner"]) == (None, None, None)
    people = {
        change.id: change.data or {}
        for page in build().pull(USERS, None)
        for change in page.changes
    }
    [asking] = ticket["Requestor"]
    assert people[asking["id"]]["EmailAddress"] == "joe@doe.example"
    assert not people[asking["id"]]["Disabled"]


def test_a_lost_answer_makes_no_second_ticket(build: Callable[..., RequestTracker]) -> None:
    write = hub.Write(None, {"Subject": ODD.strip(), "Content": "It beeps.", "Due": None}, "it's 1")
    made = [build().upsert(TICKETS, write).id for _ in range(2)]
    assert made[0] == made[1]
    ticket = one(build(), made[0])
    assert (ticket["Subject"], ticket["HubID"], ticket["Due"]) == (ODD.strip(), "it's 1", None)


def test_a_field_that_they_refuse_is_an_error_and_not_a_200(
    there: request_tracker.RequestTracker, build: Callable[..., RequestTracker]
) -> None:
    id = there.new(Subject="stays open")
    with pytest.raises(hub.Permanent, match=r"Status is still 'new'.*isn't a valid status"):
        build().upsert(TICKETS, hub.Write(id, {"Status": "exploded"}, "k"))


def test_a_due_date_goes_there_and_away_again(
    there: request_tracker.RequestTracker, build: Callable[..., RequestTracker]
) -> None:
    id = there.new(Subject="due")
    for due in ("2026-12-24T08:00:00Z", None):
        build().upsert(TICKETS, hub.Write(id, {"Due": due}, "k"))
        assert one(build(), id)["Due"] == due


def test_a_change_between_reading_and_writing_is_a_412_and_stays(
    there: request_tracker.RequestTracker, build: Callable[..., RequestTracker]
) -> None:
    id = there.new(Subject="as it was")
    [seen] = build().fetch(TICKETS, [id])

    class Between(httpx.HTTPTransport):
        """Somebody there is quicker: after the ticket is read, and before it is written."""

        answered: list[int]

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.method == "PUT":
                there.change(id, Subject="theirs")
            answer = super().handle_request(request)
            self.answered = [*getattr(self, "answered", []), answer.status_code]
            return answer

    with Between() as transport:
        spoke = build(transport)
        with pytest.raises(hub.Conflict):
            spoke.upsert(TICKETS, hub.Write(id, {"Subject": "ours"}, "k", seen.version))
    assert transport.answered[-1] == 412
    assert there.ticket(id)["Subject"] == "theirs"


def test_an_account_in_another_time_zone_is_told_what_to_do(
    build: Callable[..., RequestTracker],
) -> None:
    with pytest.raises(hub.Permanent, match="time zone of root in Request Tracker is not set"):
        pulled(build(user="root"))


def test_a_queue_that_cannot_keep_our_key_gets_no_ticket(
    build: Callable[..., RequestTracker],
) -> None:
    with pytest.raises(hub.SyncError):
        build(queue="Nowhere").upsert(TICKETS, hub.Write(None, {"Subject": "x"}, "k-nowhere"))


@pytest.fixture
def synced(there: request_tracker.RequestTracker, db: Database, tmp_path: Path) -> Iterator[Synced]:
    (tmp_path / "connections").mkdir()
    content = {"spoke": "request_tracker", "settings": there.settings()}
    (tmp_path / "connections" / "real.yaml").write_text(yaml.safe_dump(content))
    connections = config.load(tmp_path, environment={}).connections
    spoke = connections["real"].spoke
    spoke.__dict__.pop("http", None)
    spoke._clock = later
    world = Synced(Hub(db, connections), {})
    world.sync("users")
    world.sync("tickets")
    yield world
    spoke.close()


def change(world: Synced, key: str, **values: Any) -> None:
    now = datetime.now(UTC)
    command.change(world.hub.db, world.hub.connections, INCIDENT, key, values, user="jane", now=now)
    world.hub.worker(threads=1).run_until_idle()


def test_a_ticket_becomes_an_incident_and_goes_back_once(
    there: request_tracker.RequestTracker, synced: Synced
) -> None:
    id = there.new(Subject="Till is dead", Requestor="zoe@doe.example", Priority=50)
    synced.sync("users")
    synced.sync("tickets")
    ours = synced.one("incident", correlation_id=id)
    assert synced.linked("user")[ours["caller_id"]] == there_id(there, "zoe@doe.example")
    change(synced, ours["number"], state="in_progress", urgency="high")
    ticket = there.ticket(id)
    assert (ticket["Status"], ticket["Priority"]) == ("open", "100")
    synced.sync("tickets")
    assert there.ticket(id)["LastUpdated"] == ticket["LastUpdated"]
    assert synced.dead() == []


def there_id(there: request_tracker.RequestTracker, name: str) -> str:
    [self_link] = [
        one for one in there.http.get(f"/user/{name}").json()["_hyperlinks"] if one["ref"] == "self"
    ]
    return str(self_link["id"])


def _waiting(synced: Synced) -> int:
    """How many jobs wait when all that is due is done."""
    synced.hub.worker(threads=1).run_until_idle()
    with synced.hub.db.read() as tx:
        return sum(one.waiting for one in queue.counts(tx))


def test_both_sides_change_one_ticket_and_both_changes_stay(
    there: request_tracker.RequestTracker, synced: Synced
) -> None:
    id = there.new(Subject="as it was")
    synced.sync("tickets")
    ours = synced.one("incident", correlation_id=id)
    there.change(id, Subject="theirs")
    change(synced, ours["number"], urgency="high")  # a Conflict: read again, and written then
    until("the second try", lambda: not _waiting(synced))
    assert (there.ticket(id)["Subject"], there.ticket(id)["Priority"]) == ("theirs", "100")
    assert synced.one("incident", correlation_id=id)["short_description"] == "theirs"
