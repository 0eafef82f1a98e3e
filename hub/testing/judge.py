"""Runs the conformance suite over one spoke, and tells how each rule ended."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hub.spoke import Receives, Writes
from hub.testing.levels import LEVELS, Level, Outcome, Verdict, reached
from hub.testing.stage import Subject

if TYPE_CHECKING:
    import pytest

SUITE = "hub.testing.conformance.suite"
SETTINGS = ("-c", os.devnull, "--pyargs", SUITE, "-q", "-p", "no:cacheprovider")
_WORST: dict[Outcome, int] = {"pass": 0, "not applicable": 1, "not proven": 2, "fail": 3}


class NoPytest(Exception):
    """The suite runs on pytest, which is not installed."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Every rule's verdict, by level, and the level that follows."""

    name: str
    verdicts: tuple[Verdict, ...]
    level: Level

    @property
    def failed(self) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if verdict.outcome == "fail"]


def judge(subject: Subject) -> Judgement:
    """Hold a spoke to every rule; raises `NoPytest`. Takes some seconds."""
    try:
        import pytest
    except ModuleNotFoundError as error:
        raise NoPytest(
            "the conformance suite needs pytest: pip install pytest 'csm-hub[sandbox]'"
        ) from error
    listener = _Listener(subject)
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        status = pytest.main(list(SETTINGS), plugins=[listener])
    if not listener.verdicts:
        raise RuntimeError(f"the suite did not run (pytest ended with {status}): {said.getvalue()}")
    verdicts = tuple(listener.verdicts[rule] for rule in LEVELS if rule in listener.verdicts)
    both_ways = subject.can(Writes) or subject.can(Receives)
    return Judgement(subject.name, verdicts, reached(verdicts, both_ways=both_ways))


class _Listener:
    """A pytest plugin that hands the subject in and writes down what becomes of each rule."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self.verdicts: dict[str, Verdict] = {}

    def pytest_configure(self, config: pytest.Config) -> None:
        from hub.testing.conformance import SUBJECT

        config.stash[SUBJECT] = self._subject

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Keep the worst outcome of a rule: one with parameters runs several times."""
        rule = report.location[2].partition("[")[0].rpartition(".")[2].removeprefix("test_")
        if report.when == "call" or report.outcome != "passed":
            new = _verdict(rule, report)
            known = self.verdicts.get(rule, new)
            self.verdicts[rule] = max((known, new), key=lambda one: _WORST[one.outcome])


def _verdict(rule: str, report: Any) -> Verdict:
    if report.outcome == "passed":
        return Verdict(rule, "pass")
    if report.outcome == "failed":
        crash = getattr(report.longrepr, "reprcrash", None)
        return Verdict(rule, "fail", str(crash.message if crash else report.longrepr))
    return _skipped(rule, report.longrepr)


def _skipped(rule: str, longrepr: Iterable[Any]) -> Verdict:
    """What `conformance.reasons` wrote: "Skipped: not proven: there is no mapping"."""
    *_, text = longrepr
    outcome, _, why = str(text).removeprefix("Skipped: ").partition(": ")
    return Verdict(rule, "not proven" if outcome == "not proven" else "not applicable", why)
