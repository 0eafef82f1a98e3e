"""How large the proofs are, and what they found, shown at the end.

`make test` plays each in a short form; HUB_PROOF=full, as `make proof` sets it, the whole of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.proof.hubs import House

FULL = os.environ.get("HUB_PROOF") == "full"
FOUND = pytest.StashKey[list[tuple[str, str]]]()


@pytest.fixture
def times() -> Callable[[int, int], int]:
    """How often, by the form: `times(2, 5)` is 2 in the short one and 5 in the full one."""
    return lambda short, full: full if FULL else short


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Put a finding into the summary."""
    found = request.config.stash.setdefault(FOUND, [])
    return lambda finding: found.append((request.node.name, finding))


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    """A hub's folder with an empty database, and sandboxes that end with the test."""
    with ExitStack() as stack:
        yield House(tmp_path / "house", database_url, stack)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    found = config.stash.get(FOUND, [])
    if found and FULL:
        terminalreporter.section("proofs")
        for name, finding in found:
            proof = name.removeprefix("test_").replace("_", " ")
            terminalreporter.write_line(f"{proof}\n    {finding}")
