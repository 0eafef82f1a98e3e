"""Every spoke, against the rules that all of them must keep (`hub.testing.conformance`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub import registry
from hub.testing.conformance import SpokeConformance, Subject, subjects

HERE = Path(__file__).parent
SUBJECTS = subjects(HERE, registry.find, registry.sandbox, HERE.parents[1] / "mappings")


class TestSpokes(SpokeConformance):
    @pytest.fixture(params=SUBJECTS, ids=str)
    def subject(self, request: pytest.FixtureRequest) -> Subject:
        subject: Subject = request.param
        return subject


def test_no_spoke_is_without_an_example() -> None:
    assert registry.names() == [subject.name for subject in SUBJECTS]


@pytest.mark.parametrize("name", registry.names())
def test_no_spoke_is_without_a_sandbox(name: str) -> None:
    assert registry.describe(name).has_sandbox
