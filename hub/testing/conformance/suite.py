"""The suite over the one spoke that `hub.testing.judge` asks about; not collected by itself."""

from __future__ import annotations

import pytest

from hub.testing.conformance import SUBJECT, SpokeConformance, Subject


class TestSpoke(SpokeConformance):
    @pytest.fixture
    def subject(self, pytestconfig: pytest.Config) -> Subject:
        return pytestconfig.stash[SUBJECT]
