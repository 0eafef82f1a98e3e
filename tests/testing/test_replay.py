"""Recorded exchanges: who is answered what, and which requests are told on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from hub.marked import BadYaml
from hub.testing.example import BadExample, numbered, read
from hub.testing.replay import Exchange, Replay, always, misled, unreachable

EXAMPLE = Path(__file__).with_name("broken") / "example.yaml"


def exchange(request: str, **parts: Any) -> Exchange:
    return Exchange(request=request, **parts)


def ask(replay: Replay, method: str, url: str, **options: Any) -> httpx.Response:
    with httpx.Client(transport=replay.transport(), base_url="https://acme.example") as client:
        return client.request(method, url, **options)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("/orders?page=3", "query page is '3', recorded is '2'; or it does not mention 'open'"),
        ("/customers", "no exchange has this method and path"),
    ],
)
def test_a_request_that_was_not_recorded_is_told_what_differs(address: str, why: str) -> None:
    replay = Replay(
        [exchange("GET /orders", query={"page": "2"}), exchange("GET /orders", mentions=("open",))]
    )
    assert ask(replay, "GET", address).json() == {"not recorded": why}


def test_a_request_gets_the_first_exchange_that_fits() -> None:
    replay = Replay(
        [
            exchange("GET /orders", query={"page": "2"}, reply=["two"]),
            exchange("GET /orders", reply=["one"]),
            exchange("POST /graphql", body={"variables": {"after": "c1"}}, reply=["c1"]),
            exchange("POST /graphql", mentions=("customers",), reply=["customers"]),
            exchange("POST https://login.example/token", body={"grant_type": "x"}, reply=["token"]),
        ]
    )
    after = {"query": "{ orders }", "variables": {"after": "c1", "first": 10}}
    assert ask(replay, "GET", "/orders?page=2").json() == ["two"]
    assert ask(replay, "GET", "/orders?page=3").json() == ["one"]
    assert ask(replay, "POST", "/graphql", json=after).json() == ["c1"]
    assert ask(replay, "POST", "/graphql", json={"query": "{ customers }"}).json() == ["customers"]
    token = ask(replay, "POST", "https://login.example/token", data={"grant_type": "x", "y": "z"})
    assert token.json() == ["token"]
    assert (replay.faults, replay.unasked) == ([], [])


def test_an_unrecorded_request_is_kept_as_a_fault() -> None:
    replay = Replay([exchange("GET /orders", query={"page": "2"})])
    assert ask(replay, "GET", "/orders", params={"page": "3"}).status_code == 404
    assert replay.faults == ["no recorded reply to GET /orders page=3 "]
    assert replay.unasked == ["GET /orders"]


def test_a_request_without_its_headers_is_kept_as_a_fault() -> None:
    recorded = [exchange("GET /orders"), exchange("POST /token", unsigned=True)]
    replay = Replay(recorded, {"authorization": "Bearer t"})
    ask(replay, "POST", "/token")
    ask(replay, "GET", "/orders", headers={"Authorization": "Bearer t"})
    assert replay.faults == []
    ask(replay, "GET", "/orders")
    assert replay.faults == ["GET /orders: header authorization should be 'Bearer t'"]


def test_links_that_would_be_followed_are_turned_elsewhere() -> None:
    recorded = [
        exchange("GET /v1/q", reply={"next": "/v1/q/page-2", "url": "/v1/records/7"}),
        exchange("GET /v1/q/page-2", headers={"Link": '<https://a.example/v1/q?p=3>; rel="next"'}),
    ]
    first, second = misled(recorded)
    assert first.reply == {"next": "https://elsewhere.example/v1/q/page-2", "url": "/v1/records/7"}
    assert second.headers == {"Link": '<https://elsewhere.example/v1/q?p=3>; rel="next"'}


def test_bare_cursors_mislead_nobody() -> None:
    assert misled([exchange("POST /graphql", reply={"endCursor": "abc", "path": "/x"})]) == []


def test_always_answers_the_same_and_unreachable_is() -> None:
    with httpx.Client(transport=always(429, {"Retry-After": "7"})) as client:
        assert client.get("https://any.example").headers["retry-after"] == "7"
    with pytest.raises(httpx.ConnectError):
        httpx.get(unreachable(), trust_env=False)


def test_the_number_makes_sample_data_unique() -> None:
    assert numbered({"a": ["x{n}", 1, {"b": "{n}"}]}, 7) == {"a": ["x7", 1, {"b": "7"}]}


def test_an_example_file_reads_whole() -> None:
    example = read(EXAMPLE)
    assert example.pull["work_orders"].ids == ["wo_00001", "wo_00002", "wo_00003"]
    assert example.webhook is not None
    assert example.webhook.told_of() == ["work_orders"]
    assert "x-acme-signature" in example.webhook.hook().headers


def test_a_fault_in_an_example_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "example.yaml"
    path.write_text("settings: {url: x}\nstreams: {}\nwebhok: {}\n")
    with pytest.raises(BadExample, match=r"example.yaml:3:1: webhok: Extra inputs"):
        read(path)
    path.write_text("settings: {\n")
    with pytest.raises(BadYaml, match=r"example.yaml:"):
        read(path)


def test_a_reply_that_yaml_took_for_a_date_is_refused() -> None:
    with pytest.raises(ValidationError, match="reply"):
        Exchange.model_validate(
            {"request": "GET /", "reply": {"at": datetime(2026, 5, 1, tzinfo=UTC)}}
        )
