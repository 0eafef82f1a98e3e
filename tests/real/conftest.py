"""Real, recorded records of other systems, which lie beside the project and not in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

BESIDE = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def real() -> Callable[[str], Path]:
    """The folder of one set of records.

    Where it is missing the test is skipped and says which; on CI it must be there.
    """
    root = Path(os.environ.get("HUB_REAL_DATA") or BESIDE)

    def folder(name: str) -> Path:
        found = root / name
        if found.is_dir():
            return found
        why = f"real data {name!r} is not in {root}; HUB_REAL_DATA names another folder"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)

    return folder
