"""Webhooks: a secret proves them, and they say no more than which row to read again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import orjson
import pytest

import hub
from hub.testing import BadCommand
from spokes.dynamics365.sandbox import Dynamics365Sandbox
from spokes.dynamics365.sandbox.vendor import HOOK_SECRET
from spokes.dynamics365.spoke import Dynamics365
from tests.spokes.dynamics365.conftest import ORDERS, Connect, first

ID = "d4e5f6a7-1234-5678-9abc-def012345678"
BODY = orjson.dumps(
    {"MessageName": "Update", "PrimaryEntityName": "msdyn_workorder", "PrimaryEntityId": ID}
)


def told(message: object, table: object = "msdyn_workorder", id: object = ID) -> hub.Webhook:
    body = {"MessageName": message, "PrimaryEntityName": table, "PrimaryEntityId": id}
    return hub.Webhook({}, orjson.dumps(body))


def sent(field: Dynamics365Sandbox, **more: str) -> hub.Webhook:
    [one] = field.webhooks({"stream": ORDERS.name, "id": first(field, ORDERS), **more})
    return hub.Webhook({name.lower(): value for name, value in one.headers}, one.body)


@pytest.mark.parametrize("message", ["Create", "Update", "Delete", "Assign", "SetState", "Upsert"])
def test_every_change_is_a_hint_also_a_deletion(spoke: Dynamics365, message: str) -> None:
    assert list(spoke.parse(told(message))) == [hub.Hint(ORDERS.name, ID)]


@pytest.mark.parametrize(
    ("message", "table", "id"),
    [
        ("Retrieve", "msdyn_workorder", ID),
        ("Update", "msdyn_timeoffrequest", ID),
        ("CreateMultiple", "msdyn_workorder", "00000000-0000-0000-0000-000000000000"),
        ("Update", "msdyn_workorder", "00000000-0000-0000-0000-000000000000"),
        (None, None, None),
    ],
)
def test_what_changes_no_row_of_ours_says_nothing(
    spoke: Dynamics365, message: object, table: object, id: object
) -> None:
    assert list(spoke.parse(told(message, table, id))) == []


@pytest.mark.parametrize("body", [b"[]", b"7", b"nonsense"])
def test_what_is_no_context_is_for_a_person(spoke: Dynamics365, body: bytes) -> None:
    with pytest.raises(hub.Permanent):
        list(spoke.parse(hub.Webhook({}, body)))


def test_an_id_that_is_none_is_for_a_person(spoke: Dynamics365) -> None:
    with pytest.raises(hub.Permanent, match="PrimaryEntityId is no GUID"):
        list(spoke.parse(told("Update", id="../x")))


def test_the_secret_may_be_in_the_header_or_the_address(spoke: Dynamics365) -> None:
    spoke.verify(hub.Webhook({"x-hub-secret": HOOK_SECRET}, BODY))
    spoke.verify(hub.Webhook({}, BODY, query={"code": HOOK_SECRET}))
    for hook in (
        hub.Webhook({}, BODY),
        hub.Webhook({}, BODY, query={"code": "guess"}),
        hub.Webhook({}, BODY, query={"code": f"{HOOK_SECRET}\n{HOOK_SECRET}"}),
        hub.Webhook({"x-other": HOOK_SECRET}, BODY),
        hub.Webhook({"x-hub-secret": "Ünsinn"}, BODY),
    ):
        with pytest.raises(hub.Forged):
            spoke.verify(hook)


def test_the_header_may_have_another_name(connect: Connect) -> None:
    spoke = connect(hook_header="X-Secret")
    spoke.verify(hub.Webhook({"x-secret": HOOK_SECRET}, BODY))


def test_without_a_secret_nobody_is_believed(connect: Connect) -> None:
    spoke = connect(hook_secret=None)
    for given in ("", "None", HOOK_SECRET):
        with pytest.raises(hub.Forged):
            spoke.verify(hub.Webhook({"x-hub-secret": given}, BODY))


def test_a_context_that_was_too_large_still_says_which_row(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    id = first(field, ORDERS)
    table = field.rows.of_name("msdyn_workorder")
    table.rows[id]["msdyn_instructions"] = "x" * 100_000  # in three images of it
    hook = sent(field)
    assert hook.headers["x-ms-dynamics-msg-size-exceeded"] == "True"
    assert "InputParameters" not in hook.json()
    spoke.verify(hook)
    assert list(spoke.parse(hook)) == [hub.Hint(ORDERS.name, id)]


def test_a_deleted_row_is_fetched_as_gone(field: Dynamics365Sandbox, spoke: Dynamics365) -> None:
    id = first(field, ORDERS)
    field.mutate({"do": "delete", "stream": ORDERS.name, "id": id})
    [hint] = spoke.parse(sent_of(field, id, "Delete"))
    assert [(c.id, c.data) for c in spoke.fetch(ORDERS, [hint.id])] == [(id, None)]


def sent_of(field: Dynamics365Sandbox, id: str, message: str) -> hub.Webhook:
    [one] = field.webhooks({"stream": ORDERS.name, "id": id, "message": message})
    return hub.Webhook({}, one.body)


@contextmanager
def receiver(*statuses: int) -> Iterator[tuple[str, list[bytes]]]:
    """Somebody who answers webhooks with these statuses, the last of them from then on."""
    bodies: list[bytes] = []

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(statuses[min(len(bodies), len(statuses)) - 1])
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/hooks/field", bodies
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("answers", "statuses", "outcome"),
    [
        ((202,), [202], 30),
        ((503, 202), [503, 202], 30),
        ((502, 504), [502, 504], 31),
        ((401,), [401], 31),
        ((500,), [500], 31),
    ],
)
def test_they_try_once_more_after_a_gateways_error_and_never_again(
    field: Dynamics365Sandbox, answers: tuple[int, ...], statuses: list[int], outcome: int
) -> None:
    with receiver(*answers) as (to, bodies):
        said = field.emit({"stream": ORDERS.name, "id": first(field, ORDERS), "to": to})
    assert said == statuses
    assert len(bodies) == len(statuses)
    assert len(set(bodies)) == 1
    assert [job["statuscode"] for job in field.mutate({"do": "jobs"})] == [outcome]


def test_webhooks_can_be_forged_and_doubled(field: Dynamics365Sandbox) -> None:
    command = {"stream": ORDERS.name, "id": first(field, ORDERS)}
    with receiver(202) as (to, bodies):
        field.emit(command | {"to": to, "twice": True})
        field.emit(command | {"to": to, "forge": "body"})
    assert bodies[0] == bodies[1]
    assert bodies[2].endswith(b"} ")
    with pytest.raises(BadCommand, match="no service endpoint"):
        field.emit(command)
    with pytest.raises(BadCommand, match="forge is one of"):
        field.emit(command | {"to": to, "forge": "wildly"})
