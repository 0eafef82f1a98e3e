"""The steps of the demo. Each one does something on one side and reads it on the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from hub.demo.world import CRM, SHOP, StepFailed, World, unique, until
from hub.http import Client, Rate
from hub.spoke import Fetches
from hub.store import dead, deliveries, links
from hub.store.entities import CASE

FEWEST = 2000
"""Records that the first load must bring."""
STREAMS = ((CRM, "Account"), (CRM, "Contact"), (CRM, "Case"), (SHOP, "customers"), (SHOP, "orders"))


def first_load(world: World) -> str:
    """Everything that both systems have is here, but for the poisoned record."""
    until("first load", lambda: all(_loaded(world, *stream) for stream in STREAMS))
    counted = until("as many records here as there", lambda: _as_many(world))
    _must(counted >= FEWEST, f"only {counted} records")
    return f"{counted} records, counted on both sides"


def _as_many(world: World) -> int:
    """How many records there are, once both sides have the same number of each; 0 until then."""
    total = 0
    for connection, stream in STREAMS:
        theirs = len(_mutate(world, connection, {"do": "list", "stream": stream}))
        with world.hub.db.read() as tx:
            ours = links.count(tx, connection, stream)
            lost = dead.counts(tx).get((connection, stream), dead.Tally()).records
        if theirs != ours + lost:
            return 0
        total += ours
    return total


def poisoned_record(world: World) -> str:
    """One record cannot be read: it is a dead letter, and everything beside it arrived."""
    with world.hub.db.read() as tx:
        letters = dead.find(tx, dead.Which(CRM, "Case"))
    _must(len(letters) == 1, f"{len(letters)} dead records instead of 1")
    fault = letters[0].faults[0]
    _must(".yaml:" in fault["place"] and fault["field"] and fault["value"], f"vague: {fault}")
    return str(letters[0].error)


def change_by_poll(world: World) -> str:
    """A subject is changed in the CRM and arrives by the next poll."""
    id = _mutate(world, CRM, {"do": "list", "stream": "Case"})[0]
    subject = unique("Till 3 is dead again")
    _mutate(world, CRM, {"do": "update", "stream": "Case", "id": id, "data": {"Subject": subject}})
    case = until("changed subject", lambda: world.records("case", short_description=subject))[0]
    _must(_external(world, case) == {(CRM, "Case"): id}, f"{case['number']} is not {id}")
    return f"{case['number']}: {subject!r}"


def order_by_webhook(world: World) -> str:
    """An order is changed in the shop; its signed webhook reaches us before any poll."""
    before = _deliveries(world)
    id = _mutate(world, SHOP, {"do": "list", "stream": "orders"})[0]
    note = unique("Leave at the back door")
    change = {"do": "update", "stream": "orders", "id": id, "data": {"note": note}}
    _mutate(world, SHOP, change)
    order = until("changed order", lambda: world.records("order", special_instructions=note))[0]
    _must(_deliveries(world) > before, "no webhook was stored")
    by = _jobs_of(world, "order", order["sys_id"])[0]
    _must(by.startswith("ingest/"), f"it came by {by}, not by webhook")
    return f"{order['number']}: {note!r}, by job {by}"


def refund_opens_a_case(world: World) -> str:
    """A refund in the shop opens a case here, linked to its order and its customer."""
    id, sku = _an_order(world)
    wanted = {"do": "refund", "order": id, "lines": [{"sku": sku, "quantity": 1}]}
    refund = _mutate(world, SHOP, {**wanted, "note": "The seal was broken"})
    case = until("case of the refund", lambda: _case_of(world, refund))
    order = _read(world, "order", case["order"])
    _must(order["external_id"] == id, f"{case['number']} is about {order['external_id']}")
    until("customer of the case", lambda: _read(world, "case", case["number"])["consumer"])
    opened_by = _jobs_of(world, "case", case["sys_id"])[-1]
    _must(opened_by.startswith("ingest/"), f"it came by {opened_by}, not by webhook")
    return f"{case['number']} about {order['number']}: {case['short_description']!r}"


def push_and_echo(world: World) -> str:
    """A case is changed in the hub, reaches the CRM, and its echo changes nothing."""
    id = _mutate(world, CRM, {"do": "list", "stream": "Case"})[1]
    with world.hub.db.read() as tx:
        sys_id = links.targets(tx, CRM, [("Case", id)])["Case", id, CASE.table.name]
    subject = unique("Cooler in aisle 5 drips")
    path = f"/admin/api/records/case/{sys_id}"
    world.api.patch(path, json={"short_description": subject})
    until("pushed subject", lambda: _theirs(world, id)["Subject"] == subject)
    writes = _writes(world)
    before = _polls(world)
    until("two more polls", lambda: _polls(world) >= before + 2)
    _must(_writes(world) == writes, "the echo was pushed back")
    case = _read(world, "case", sys_id)
    _must(case["short_description"] == subject, "the echo changed the case")
    return f"{case['number']}: {subject!r}; two polls later nothing was written again"


def forged_webhook(world: World) -> str:
    """Somebody without the secret is refused, and nothing is stored."""
    before = _deliveries(world)
    id = _mutate(world, SHOP, {"do": "list", "stream": "orders"})[0]
    to = f"{world.address}/hooks/{SHOP}"
    forged = {"stream": "orders", "id": id, "forge": "secret", "to": to}
    world.shop.emit(forged)
    outsider = Client(world.address, rate=Rate(calls=100))
    answer = outsider.post(f"/hooks/{SHOP}", content=b"{}", check=False)
    outsider.close()
    _must(answer.status_code == HTTPStatus.UNAUTHORIZED, f"answered {answer.status_code}")
    _must(_deliveries(world) == before, "a forged webhook was stored")
    return "401, and nothing was stored"


Step = Callable[[World], str]
STEPS: tuple[tuple[str, Step], ...] = (
    ("First load", first_load),
    ("A poisoned record is a dead letter", poisoned_record),
    ("A change in the CRM arrives by poll", change_by_poll),
    ("A changed order arrives by webhook", order_by_webhook),
    ("A refund opens a case", refund_opens_a_case),
    ("A change here reaches the CRM, its echo dies", push_and_echo),
    ("A forged webhook is refused", forged_webhook),
)


def prepare(world: World) -> None:
    """Let the shop send its webhooks to the hub, as an administrator over there does."""
    to = f"{world.address}/hooks/{SHOP}"
    world.shop.mutate({"do": "subscribe", "topic": "*", "to": to})


def _must(holds: object, what: str) -> None:
    if not holds:
        raise StepFailed(what)


def _sandbox(world: World, connection: str) -> Any:
    return world.crm if connection == CRM else world.shop


def _mutate(world: World, connection: str, command: dict[str, Any]) -> Any:
    sandbox = _sandbox(world, connection)
    with sandbox.lock:
        return sandbox.mutate(command)


def _loaded(world: World, connection: str, stream: str) -> bool:
    for one in world.status():
        for part in one["streams"]:
            if (one["connection"], part["stream"]) == (connection, stream):
                return part["cursor_age"] is not None and part["last_run"] is not None
    return False


def _read(world: World, table: str, key: str) -> dict[str, Any]:
    return dict(world.api.get(f"/admin/api/records/{table}/{key}").json()["record"])


def _jobs_of(world: World, table: str, sys_id: str) -> list[str]:
    """The jobs that changed a record, newest first, from its audit."""
    answer = world.api.get(f"/admin/api/records/{table}/{sys_id}").json()
    return [str(entry["hub_job_id"]) for entry in answer["audit"]]


def _external(world: World, case: dict[str, Any]) -> dict[tuple[str, str], str]:
    with world.hub.db.read() as tx:
        found = links.of_record(tx, CASE.table.name, case["sys_id"])
    return {(link.connection, link.stream): link.external_id for link in found}


def _case_of(world: World, refund: str) -> dict[str, Any] | None:
    with world.hub.db.read() as tx:
        target = links.targets(tx, SHOP, [("refunds", refund)])
    sys_id = target.get(("refunds", refund, CASE.table.name))
    case = _read(world, "case", sys_id) if sys_id else None
    return case if case and case["order"] else None


def _an_order(world: World) -> tuple[str, str]:
    """An order with something left to refund, and the SKU of its first line."""
    ids = _mutate(world, SHOP, {"do": "list", "stream": "orders"})
    for order in _fetched(world, SHOP, "orders", ids[-100:]):
        if order["displayFinancialStatus"] == "PAID" and not order["cancelledAt"]:
            return order["id"], order["lineItems"]["nodes"][0]["sku"]
    raise StepFailed("the shop has no paid order")


def _theirs(world: World, id: str) -> dict[str, Any]:
    """The CRM's own record, read over there."""
    return _fetched(world, CRM, "Case", [id])[0]


def _fetched(world: World, name: str, stream: str, ids: Sequence[str]) -> list[dict[str, Any]]:
    connection = world.hub.connections[name]
    assert isinstance(connection.spoke, Fetches)
    changes = connection.spoke.fetch(connection.stream(stream), ids)
    return [change.data for change in changes if change.data is not None]


def _writes(world: World) -> int:
    """Requests that changed something in the CRM, sign-ins aside."""
    return sum(
        entry.method in {"POST", "PATCH", "PUT", "DELETE"} and "/sobjects/" in entry.path
        for entry in world.crm.journal.entries
    )


def _polls(world: World) -> int:
    return sum("/queryAll" in entry.path for entry in world.crm.journal.entries)


def _deliveries(world: World) -> int:
    with world.hub.db.read() as tx:
        return deliveries.count(tx, SHOP)
