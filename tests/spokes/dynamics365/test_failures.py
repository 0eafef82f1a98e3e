"""What their refusals mean to the hub, which settings a connection may have, and what is signed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import hub
from hub import marked
from hub.http import MockTransport, Request, Response
from spokes.dynamics365 import errors
from spokes.dynamics365.sandbox import Dynamics365Sandbox
from spokes.dynamics365.spoke import Dynamics365
from tests.spokes.dynamics365.conftest import ACCOUNTS, ORDERS, Connect, changes

HERE = Path(errors.__file__).parent
SETTINGS = {
    "url": "https://brightbasket.crm4.dynamics.com",
    "tenant": "brightbasket.onmicrosoft.com",
    "client_id": "c",
    "client_secret": "a-secret-of-ours",
}


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "0x80044352", hub.CursorLost),
        (404, "0x80040217", hub.NotFound),
        (404, "0x80060891", hub.NotFound),
        (412, "0x80060882", hub.Conflict),
        (412, "0x80040237", hub.Conflict),
        (403, "0x80040220", hub.AuthFailed),
        (403, "0x80048306", hub.AuthFailed),
        (400, "0x80060888", None),
        (400, "", None),
        (500, "0x80040216", None),
        (429, "0x80072322", None),
    ],
)
def test_every_error_code_has_its_meaning(
    status: int, code: str, expected: type[hub.SyncError] | None
) -> None:
    body = {"error": {"code": code, "message": "because"}}
    assert type(errors.translate(Response(status, json=body))) is (expected or type(None))


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"error": 1}', b"null", b'"x"'])
def test_any_body_can_be_read(body: bytes) -> None:
    assert errors.translate(Response(400, content=body)) is None


def refusal(spoke: Dynamics365) -> hub.RateLimited | None:
    try:
        changes(spoke, ACCOUNTS)
    except hub.RateLimited as limit:
        return limit
    return None


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"requests": 3}, "0x80072322"),
        ({"milliseconds": 150}, "0x80072321"),
        ({"others": 52}, "0x80072326"),
    ],
)
def test_every_limit_is_waited_for_and_asking_again_early_makes_it_longer(
    field: Dynamics365Sandbox, spoke: Dynamics365, limits: dict[str, int], code: str
) -> None:
    field.clock.freeze()
    field.mutate({"do": "limits", **limits})
    refused = [limit for _ in range(8) if (limit := refusal(spoke))]
    assert all(code in str(limit) for limit in refused)
    waits = [limit.retry_after for limit in refused]
    assert waits[:4] == [timedelta(seconds=seconds) for seconds in (5, 10, 20, 40)]
    field.mutate({"do": "limits", "others": 0})
    field.clock.advance(max(waits) + timedelta(seconds=300))
    assert changes(spoke, ACCOUNTS)[0]


def test_tokens_come_from_microsoft_for_this_organisation_only() -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Response:
        asked.append(request)
        if request.url.host == "login.microsoftonline.com":
            return Response(
                200, json={"token_type": "Bearer", "access_token": "t", "expires_in": 9}
            )
        return Response(200, json={"value": [], "@odata.deltaLink": str(request.url)})

    spoke = Dynamics365.model_validate(SETTINGS).using(transport=MockTransport(answer))
    list(spoke.pull(ORDERS, None))
    spoke.close()
    sign_in, read = asked
    assert sign_in.url.path == "/brightbasket.onmicrosoft.com/oauth2/v2.0/token"
    assert b"scope=https%3A%2F%2Fbrightbasket.crm4.dynamics.com%2F.default" in sign_in.content
    assert read.url.host == "brightbasket.crm4.dynamics.com"
    assert read.headers["authorization"] == "Bearer t"


def test_a_wrong_secret_stops_the_connection(connect: Connect) -> None:
    with pytest.raises(hub.AuthFailed, match="AADSTS7000215"):
        changes(connect(client_secret="not the secret"), ORDERS)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"url": "https://brightbasket.dynamics.com.example"}, "dynamics.com"),
        ({"tenant": "x/../y"}, "tenant"),
        ({"key_column": "a' or 1"}, "key_column"),
        ({"price_list": "none"}, "price_list"),
        ({"page_size": 5001}, "page_size"),
        ({"api_version": "9"}, "api_version"),
        ({"without_change_tracking": ["orders"]}, "no orders; there are accounts, contacts"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Dynamics365.model_validate(SETTINGS | settings)


def test_the_sample_connection_has_settings_that_there_are() -> None:
    [sample] = marked.read(HERE / "connection.yaml")
    assert set(sample.data["settings"]) <= set(Dynamics365.model_fields)
    Dynamics365.model_validate(sample.data["settings"] | {"url": SETTINGS["url"], "tenant": "t"})


def test_the_readme_names_every_setting_and_stream() -> None:
    told = (HERE / "README.md").read_text() + (HERE / "connection.yaml").read_text()
    own = set(Dynamics365.model_fields) - {"sandbox", "ca_file"}
    assert [name for name in own if name not in told] == []
    assert [stream.name for stream in Dynamics365.streams if stream.name not in told] == []
