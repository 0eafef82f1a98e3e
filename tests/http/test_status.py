"""A status becomes one of our errors, with the wait they ask for and a glimpse of what they said."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import (
    AuthFailed,
    Conflict,
    NotFound,
    Permanent,
    RateLimited,
    SyncError,
    Transient,
)
from hub.http.status import error_of, retry_after

REQUEST = httpx.Request("GET", "https://api.example/orders?api_key=tops3cret")


def answer(status: int, body: bytes = b"", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=named, content=body, request=REQUEST)


@pytest.mark.parametrize(
    ("statuses", "kind"),
    [
        ((401, 403), AuthFailed),
        ((404, 410), NotFound),
        ((409, 412), Conflict),
        ((429,), RateLimited),
        ((408, 425, 500, 502, 503, 504, 520, 599), Transient),
        ((300, 301, 302, 304, 307, 400, 402, 405, 413, 415, 418, 422, 431, 451), Permanent),
    ],
)
def test_each_status_has_one_meaning(statuses: tuple[int, ...], kind: type[SyncError]) -> None:
    for status in statuses:
        assert type(error_of(answer(status))) is kind


@pytest.mark.parametrize("status", [200, 201, 202, 204, 207])
def test_success_is_no_error(status: int) -> None:
    assert error_of(answer(status)) is None


def test_an_outage_that_says_how_long_is_a_rate_limit() -> None:
    error = error_of(answer(503, retry_after="120"))
    assert isinstance(error, RateLimited)
    assert error.retry_after == timedelta(minutes=2)


NOON = "Sat, 21 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("said", "date", "seconds"),
    [
        ("7", "", 7),
        (" 7 ", "", 7),
        ("2.0", "", 2),  # Shopify
        ("0", "", 1),
        ("3600", "", 3600),
        ("3601", "", 3600),
        ("9" * 400, "", 3600),
        ("Sat, 21 Nov 2026 12:00:30 GMT", NOON, 30),
        ("Saturday, 21-Nov-26 12:00:30 GMT", NOON, 30),
        ("Sat Nov 21 12:00:30 2026 GMT", NOON, 30),
        (NOON, NOON, 1),
        ("Sun, 22 Nov 2026 12:00:00 GMT", NOON, 3600),
        # not understood: a minute
        ("", "", 60),
        ("-5", "", 60),
        ("soon", "", 60),
        ("1e3", "", 60),
        ("inf", "", 60),
        ("nan", "", 60),
        ("٣", "", 60),
        ("60, 60", "", 60),
        ("Sat, 21 Nov 2026 11:59:00 GMT", NOON, 60),
        ("Sat, 21 Nov 2026 12:00:30 GMT", "", 60),
        ("Sat, 21 Nov 2026 12:00:30 GMT", "garbage", 60),
        ("Sat, 21 Nov 2026 12:00:30 -0000", NOON, 60),
        ("Sat, 99 Nov 99999 12:00:30 GMT", NOON, 60),
    ],
)
def test_the_wait_they_ask_for_is_read_with_care(said: str, date: str, seconds: float) -> None:
    headers = [(b"retry-after", said.encode()), (b"date", date.encode())]
    response = httpx.Response(429, headers=headers, request=REQUEST)
    assert retry_after(response) == timedelta(seconds=seconds)


def test_without_the_header_the_wait_is_a_minute() -> None:
    assert retry_after(answer(429)) == timedelta(minutes=1)


@given(said=st.text(), date=st.text())
def test_no_header_makes_the_wait_absurd(said: str, date: str) -> None:
    headers = [(b"retry-after", said.encode()), (b"date", date.encode())]
    wait = retry_after(httpx.Response(429, headers=headers, request=REQUEST))
    assert timedelta(seconds=1) <= wait <= timedelta(hours=1)


def test_a_message_names_the_call_and_the_status_but_not_the_query() -> None:
    message = str(error_of(answer(422, b'{"error": "name is\\n too long"}')))
    assert message == (
        'GET https://api.example/orders: 422 Unprocessable Entity: {"error": "name is\\n too long"}'
    )


def test_a_redirect_is_not_followed_and_says_where_to() -> None:
    message = str(error_of(answer(302, location="https://login.example/in?session=abc")))
    assert "302 Found to https://login.example/in (redirects are not followed" in message
    assert "session" not in message


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "text/plain"])
def test_an_error_page_is_reduced_to_its_title(kind: str) -> None:
    page = b"<!DOCTYPE html><html><title>\n Down &amp; out </title>" + b"<p>blah</p>" * 5000
    message = str(error_of(answer(503, page, content_type=kind)))
    assert message.endswith("503 Service Unavailable: an HTML page “Down & out”")


def test_a_long_answer_is_cut_and_a_binary_one_is_not_shown() -> None:
    assert len(str(error_of(answer(500, b"x" * 10_000)))) < 300
    assert "9 bytes of image/png" in str(
        error_of(answer(500, b"\x89PNG\r\n\x1a\n.", content_type="image/png"))
    )
    assert "3 bytes of binary data" in str(error_of(answer(500, b"\0\1\2")))


@given(body=st.binary(max_size=400), status=st.integers(300, 599))
def test_any_answer_makes_a_short_message_on_one_line(body: bytes, status: int) -> None:
    message = str(error_of(answer(status, body)))
    assert message.isprintable()
    assert len(message) < 500


def test_an_answer_that_repeats_our_key_is_masked() -> None:
    message = str(error_of(answer(400, b"bad request: /orders?api_key=tops3cret")))
    assert message.endswith("bad request: /orders?api_key=***")
