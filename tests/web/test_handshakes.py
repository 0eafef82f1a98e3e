"""Senders that ask first whether an address is ours: they hear their own words, and nothing is stored."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from hub.web.hooks import LONGEST_GREETING
from tests.web.conftest import House, served, signed

BODY = b'{"id": "wo_1"}'


@pytest.fixture
def client(house: House) -> Iterator[httpx.Client]:
    with served(house.app) as there:
        yield there


def test_a_token_in_the_query_comes_back_as_plain_text(house: House, client: httpx.Client) -> None:
    answer = client.post("/hooks/polite", params={"validationToken": "Validation: <b>1</b> & 2"})
    assert (answer.status_code, answer.text) == (200, "Validation: <b>1</b> & 2")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert house.count("hub_delivery") == 0


def test_a_challenge_by_get_comes_back_as_json(house: House, client: httpx.Client) -> None:
    answer = client.get("/hooks/polite", headers={"x-challenge": "c1"})
    assert (answer.status_code, answer.json()) == (200, {"verification": "c1"})
    assert house.count("hub_delivery") == 0


@pytest.mark.parametrize(
    "token", ["x" * (LONGEST_GREETING + 1), "a\r\nset-cookie: a=b", "\x00", "a\u202eb"]
)
def test_a_token_that_could_do_harm_is_refused(client: httpx.Client, token: str) -> None:
    answer = client.post("/hooks/polite", params={"validationToken": token})
    assert answer.status_code == 400
    assert token not in answer.text


def test_a_token_given_twice_is_not_echoed(client: httpx.Client) -> None:
    doubled = {"validationToken": ["a", "b"]}
    assert client.post("/hooks/polite", params=doubled).status_code == 400


def test_whoever_greets_still_has_to_sign(house: House, client: httpx.Client) -> None:
    assert client.post("/hooks/polite", content=BODY).status_code == 401
    assert client.post("/hooks/polite", content=BODY, headers=signed(BODY)).status_code == 202
    assert house.count("hub_delivery") == 1


def test_a_get_that_is_no_handshake_is_told_to_post(client: httpx.Client) -> None:
    for name in ("polite", "acme"):
        answer = client.get(f"/hooks/{name}")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
