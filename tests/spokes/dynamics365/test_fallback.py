"""The rules of the kit for a connection of which no table has change tracking."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub.testing import BadCommand
from hub.testing.conformance import SpokeConformance, Subject
from hub.testing.example import read
from hub.testing.sandbox import JsonObject
from spokes.dynamics365.sandbox import Dynamics365Sandbox
from spokes.dynamics365.spoke import Dynamics365
from tests.spokes.dynamics365.conftest import STREAMS

EXAMPLE = read(Path(__file__).with_name("example.yaml"))
MAPPINGS = Path(__file__).parents[3] / "mappings" / "dynamics365"
UNTRACKED = EXAMPLE.model_copy(
    update={
        "streams": {
            name: stream.model_copy(update={"tombstones": False})
            for name, stream in EXAMPLE.streams.items()
        }
    }
)


class Untracked(Dynamics365Sandbox):
    """An environment whose tables are not tracked, and a connection that knows."""

    def __init__(self) -> None:
        super().__init__()
        for table in self.rows:
            table.tracked = False

    def settings(self) -> JsonObject:
        return super().settings() | {"without_change_tracking": list(STREAMS)}

    def mutate(self, command: JsonObject) -> Any:
        if command.get("do") == "expire_cursors":
            raise BadCommand("a time stamp never expires")
        return super().mutate(command)


class TestFallback(SpokeConformance):
    @pytest.fixture
    def subject(self) -> Subject:
        return Subject("dynamics365", Dynamics365, UNTRACKED, Untracked, MAPPINGS)
