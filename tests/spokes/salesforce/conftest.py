"""A Salesforce org on loopback, and spokes that reach it by its own clock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import hub
from hub.testing import serve
from spokes.salesforce.sandbox import SalesforceSandbox
from spokes.salesforce.spoke import Salesforce

Connect = Callable[..., Salesforce]

ACCOUNT, CONTACT, CASE, COMMENT, FILE = Salesforce.streams
REAL = Path(os.environ.get("HUB_REAL_DATA", Path(__file__).parents[4] / "shared" / "data"))


class Quick(Salesforce):
    """The spoke without its pace: a sandbox on this machine need not be spared."""

    rate = hub.Rate(calls=100_000)


@pytest.fixture
def org() -> Iterator[SalesforceSandbox]:
    with serve(SalesforceSandbox()) as sandbox:
        yield sandbox


@pytest.fixture
def connect(org: SalesforceSandbox) -> Iterator[Connect]:
    """Build a spoke for the org; its clock is the org's."""
    built: list[Salesforce] = []

    def build(**settings: Any) -> Salesforce:
        base = org.jwt_settings() if "username" in settings else org.settings()
        spoke = Quick.model_validate(base | settings).using(clock=org.clock.now)
        built.append(spoke)
        return spoke

    yield build
    for spoke in built:
        spoke.http.close()


@pytest.fixture
def spoke(connect: Connect) -> Salesforce:
    return connect()


def changes(
    spoke: Salesforce, stream: hub.Stream, cursor: str | None = None
) -> tuple[list[hub.Change], str]:
    """Everything that a pull brings, and the cursor after it."""
    pages = list(spoke.pull(stream, cursor))
    return [change for page in pages for change in page.changes], pages[-1].cursor


def settle(org: SalesforceSandbox) -> None:
    """Let a pull's horizon pass, and its overlap."""
    org.clock.advance(timedelta(minutes=10))


def asked(org: SalesforceSandbox, path: str) -> int:
    """How many requests had this in their path."""
    return sum(path in entry.path for entry in org.journal)
