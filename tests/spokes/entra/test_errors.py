"""Graph's errors as ours, with what to do about them, and the settings of a connection."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

import hub
from hub import marked
from hub.http import MockTransport, Request, Response
from spokes.entra import errors
from spokes.entra.spoke import Entra

HERE = Path(inspect.getfile(Entra)).parent
SETTINGS: dict[str, Any] = {
    "tenant": "contoso.example",
    "client_id": "c",
    "client_secret": "s",
    "client_state": "a-secret-state",
}


def answered(status: int, code: str = "", message: str = "", **more: Any) -> hub.SyncError | None:
    inner = {"request-id": "b2e40ef6", "date": "2026-11-02T12:00:00"}
    body = more.get("body", {"error": {"code": code, "message": message, "innerError": inner}})
    request = Request("GET", "https://graph.microsoft.com/v1.0/users")
    return errors.translate(Response(status, json=body, request=request))


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (410, "syncStateNotFound", hub.CursorLost),
        (410, "resyncRequired", hub.CursorLost),
        (410, "", hub.CursorLost),
        (400, "syncStateNotFound", hub.CursorLost),
        (404, "SyncStateNotFound", hub.CursorLost),
        (400, "Request_UnsupportedQuery", hub.Permanent),
        (401, "InvalidAuthenticationToken", hub.AuthFailed),
        (403, "Authorization_RequestDenied", hub.AuthFailed),
        (404, "Request_ResourceNotFound", hub.NotFound),
        (409, "Conflict", hub.Conflict),
    ],
)
def test_what_an_answer_means(status: int, code: str, kind: type[hub.SyncError]) -> None:
    error = answered(status, code, "why")
    assert type(error) is kind
    assert "why" in str(error)
    assert "[request-id b2e40ef6]" in str(error)


@pytest.mark.parametrize("status", [200, 429, 500, 503, 504])
def test_the_status_says_enough(status: int) -> None:
    assert answered(status, "TooManyRequests", "slow down") is None


@pytest.mark.parametrize("body", [[], {}, {"error": "text"}, {"error": {"innerError": 1}}, None])
def test_an_error_of_another_form_is_left_to_the_status(body: Any) -> None:
    assert answered(400, body=body) is None


def test_an_address_that_they_cannot_reach_is_worth_another_try() -> None:
    said = "Subscription validation request timed out."
    error = answered(400, "ValidationError", said)
    assert type(error) is hub.Transient
    assert "public_url" in str(error)


@pytest.mark.parametrize(
    ("url", "signs_in_at"),
    [
        ("https://graph.microsoft.com", "login.microsoftonline.com"),
        ("https://graph.microsoft.us", "login.microsoftonline.us"),
        ("https://dod-graph.microsoft.us", "login.microsoftonline.us"),
        ("https://microsoftgraph.chinacloudapi.cn", "login.partner.microsoftonline.cn"),
    ],
)
def test_each_cloud_has_its_own_place_to_sign_in(url: str, signs_in_at: str) -> None:
    seen: list[Request] = []

    def answer(request: Request) -> Response:
        seen.append(request)
        return Response(200, json={"access_token": "t", "expires_in": 3599, "value": []})

    spoke = Entra.model_validate({**SETTINGS, "url": url}).using(transport=MockTransport(answer))
    list(spoke.fetch(hub.Stream("users"), ["87d349ed-44d7-43e1-9a83-5f2406dee5bd"]))
    spoke.close()
    assert [request.url.host for request in seen] == [signs_in_at, url.partition("//")[2]]
    assert f"scope={url}".replace(":", "%3A").replace("/", "%2F") in seen[0].content.decode()


def test_the_worldwide_cloud_is_the_usual_one() -> None:
    assert Entra.model_validate(SETTINGS).url == "https://graph.microsoft.com"


@pytest.mark.parametrize(
    ("spoiled", "named"),
    [
        ({"url": "https://evil.graph.microsoft.com"}, "no host of Graph"),
        ({"url": "https://graph.microsoft.com.evil.example"}, "host must be one of"),
        ({"tenant": "contoso.example/../other"}, "tenant"),
        ({"client_state": "short"}, "client_state"),
        ({"client_state": "x" * 129}, "client_state"),
        ({"client_state": ""}, "client_state"),
    ],
)
def test_settings_that_would_send_secrets_elsewhere_or_are_weak_are_refused(
    spoiled: dict[str, str], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        Entra.model_validate({**SETTINGS, **spoiled})


def test_the_sample_connection_has_settings_that_there_are() -> None:
    [sample] = marked.read(HERE / "connection.yaml")
    assert set(sample.data["settings"]) <= set(Entra.model_fields)
    Entra.model_validate(sample.data["settings"] | {"tenant": "t"})


def test_the_readme_and_the_sample_name_every_setting_and_stream() -> None:
    told = (HERE / "README.md").read_text() + (HERE / "connection.yaml").read_text()
    own = set(Entra.model_fields) - {"sandbox", "ca_file"}
    assert [name for name in own if name not in told] == []
    assert [stream.name for stream in Entra.streams if stream.name not in told] == []
