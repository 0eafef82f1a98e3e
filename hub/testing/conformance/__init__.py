"""What every spoke must get right, whatever it talks to: one suite, a rule per test.

    SUBJECTS = subjects(HERE, registry.find, registry.sandbox, MAPPINGS)

    class TestSpokes(SpokeConformance):
        @pytest.fixture(params=SUBJECTS, ids=str)
        def subject(self, request): return request.param

Each rule's docstring is the spoke's obligation. Rules with a `subject` read the recorded
example.yaml; rules with a `stage` talk to the spoke's sandbox. A rule that is skipped
says why: it is not applicable, as for a capability that the spoke lacks, or it is not proven, for
want of a sandbox, a mapping or an example.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest

AREAS = (
    "declaration", "pulling", "fetching", "receiving", "subscribing", "writing", "many",
    "attaching", "recalling", "counting", "failing", "keeping",
)  # fmt: skip
pytest.register_assert_rewrite(*(f"{__name__}.{area}" for area in AREAS))

# After the registration: pytest can only rewrite what is not imported yet.
from hub.testing.conformance.attaching import Attaching  # noqa: E402
from hub.testing.conformance.counting import Counting  # noqa: E402
from hub.testing.conformance.declaration import Declaration  # noqa: E402
from hub.testing.conformance.failing import Failing  # noqa: E402
from hub.testing.conformance.fetching import Fetching  # noqa: E402
from hub.testing.conformance.keeping import Keeping  # noqa: E402
from hub.testing.conformance.many import WritingMany  # noqa: E402
from hub.testing.conformance.pulling import Pulling  # noqa: E402
from hub.testing.conformance.reasons import check_needs, not_proven  # noqa: E402
from hub.testing.conformance.recalling import Recalling  # noqa: E402
from hub.testing.conformance.receiving import Receiving  # noqa: E402
from hub.testing.conformance.subscribing import Subscribing  # noqa: E402
from hub.testing.conformance.writing import Writing  # noqa: E402
from hub.testing.sandbox import serve  # noqa: E402
from hub.testing.stage import Stage, Subject, subjects  # noqa: E402

SUBJECT = pytest.StashKey[Subject]()
"""Where `hub.testing.judge` keeps the spoke that it asks about."""


class Staged:
    """What rules are given. Give a subclass the fixture `subject`."""

    @pytest.fixture
    def subject(self) -> Subject:
        pytest.fail("override the fixture `subject` with the spokes to test")

    @pytest.fixture
    def stage(self, subject: Subject, request: pytest.FixtureRequest) -> Iterator[Stage]:
        check_needs(request.function, subject)  # before a sandbox is started for nothing
        if subject.sandbox is None:
            not_proven(f"{subject} has no sandbox")
        with serve(subject.vendor()) as sandbox, Stage(subject, sandbox) as stage:
            yield stage


class SpokeConformance(
    Staged, Declaration, Pulling, Fetching, Receiving, Subscribing, Writing, WritingMany, Attaching,
    Recalling, Counting, Failing, Keeping,
):  # fmt: skip
    """All rules. Give a subclass the fixture `subject`."""


def rules() -> dict[str, str]:
    """Every rule's name and what it obliges a spoke to."""
    return {
        name.removeprefix("test_"): inspect.getdoc(rule) or ""
        for area in SpokeConformance.__mro__
        for name, rule in vars(area).items()
        if name.startswith("test_")
    }


__all__ = ["SUBJECT", "SpokeConformance", "Stage", "Subject", "rules", "subjects"]
