"""Every way to sign in, to page and to sign webhooks, under the rules that all spokes must keep.

The vendor behind them is one sandbox of many habits (`tests.rest.vendor`), over real HTTP.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from hub.testing import serve
from hub.testing.conformance import Stage, Subject
from hub.testing.conformance.failing import Failing
from hub.testing.conformance.fetching import Fetching
from hub.testing.conformance.pulling import Pulling
from hub.testing.conformance.receiving import Receiving
from hub.testing.conformance.writing import Writing
from hub.testing.example import Example
from tests.rest.files import load
from tests.rest.vendor import EXAMPLE, Habits, Vendor

DIALECTS = {
    "page": Habits("page", "basic", "github"),
    "page-more": Habits("page", "none", "static", time="epoch", more=True),
    "offset": Habits("offset", "header", "slack", time="epoch"),
    "offset-more": Habits("offset", "bearer", "woocommerce", more=True),
    "cursor": Habits("cursor", "oauth2", "shopify", time="epoch_ms"),
    "cursor-tombstones": Habits("cursor", "bearer", "stripe", stones="apart"),
    "link": Habits("link", "hmac", "svix"),
    "link-tombstones": Habits("link", "oauth2", "standard", time="epoch", stones="apart"),
    "next-url": Habits("next_url", "hmac", "github", time="epoch_ms"),
    "keyset": Habits("keyset", "bearer", "standard"),
    "keyset-more": Habits("keyset", "basic", "slack", time="epoch", more=True),
    "whole": Habits("whole", "oauth2", "stripe"),
}


def subject_of(name: str) -> Subject:
    habits = DIALECTS[name]
    sandbox = type("Served", (Vendor,), {"habits": habits})
    return Subject(name, load(habits.yaml), Example.model_validate(EXAMPLE), sandbox)


SUBJECTS = [subject_of(name) for name in DIALECTS]


def _staged() -> dict[str, Any]:
    """The rules that need only a sandbox: nothing is recorded or mapped of a vendor of ours."""
    return {
        name: rule
        for area in (Pulling, Fetching, Receiving, Writing, Failing)
        for name, rule in vars(area).items()
        if name.startswith("test_") and "stage" in inspect.signature(rule).parameters
        if name != "test_raises_cursor_lost_when_theirs_expires"  # windows of ours: test_reading.py
    }


class Staged:
    @pytest.fixture(params=SUBJECTS, ids=str)
    def subject(self, request: pytest.FixtureRequest) -> Subject:
        subject: Subject = request.param
        return subject

    @pytest.fixture
    def stage(self, subject: Subject) -> Iterator[Stage]:
        assert subject.sandbox is not None
        with serve(subject.sandbox()) as sandbox, Stage(subject, sandbox) as stage:
            yield stage


TestDialects = type("TestDialects", (Staged,), _staged())


def test_no_auth_no_way_of_paging_and_no_scheme_is_left_out() -> None:
    spoken = DIALECTS.values()
    assert {habits.auth for habits in spoken} == {
        "none", "header", "basic", "bearer", "oauth2", "hmac",
    }  # fmt: skip
    assert {habits.pages for habits in spoken} == {
        "page", "offset", "cursor", "link", "next_url", "keyset", "whole",
    }  # fmt: skip
    assert len({habits.scheme for habits in spoken}) == 8
