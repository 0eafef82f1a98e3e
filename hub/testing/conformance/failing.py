"""What a spoke raises when the vendor or the network fails: our errors, and the right ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import orjson
import pytest

from hub import errors
from hub.errors import (
    AuthFailed,
    Conflict,
    NotFound,
    Permanent,
    RateLimited,
    SyncError,
    Transient,
)
from hub.spoke import Spoke
from hub.testing.conformance.operations import Operation, asked_of, operations
from hub.testing.conformance.reasons import not_applicable
from hub.testing.faults import Fault
from hub.testing.mishaps import HTML, PAGE
from hub.testing.replay import always, unreachable
from hub.testing.sandbox import serve
from hub.testing.stage import Stage, Subject, close

STATUSES: list[tuple[int, type[SyncError]]] = [
    (400, Permanent), (401, AuthFailed), (403, AuthFailed), (404, NotFound), (408, Transient),
    (409, Conflict), (412, Conflict), (422, Permanent), (500, Transient), (502, Transient),
    (503, Transient),
]  # fmt: skip
DATE = "Wed, 21 Oct 2026 07:28:00 GMT"
IN_SEVEN_SECONDS = "Wed, 21 Oct 2026 07:28:07 GMT"
LONGEST = timedelta(days=1)
NEED_NO_DATA = {"delete", "open"}
"""A 200 is all that a deletion needs, and a file may be a page of HTML."""
JSON = {"Content-Type": "application/json"}
REFUSAL = '{"error": {"code": "server_busy", "message": "Try again later"}, "errors": ["busy"]}'


class Failing:
    @pytest.mark.parametrize(("status", "usual"), STATUSES)
    def test_raises_our_errors(self, subject: Subject, status: int, usual: type[SyncError]) -> None:
        """Every status becomes the error of ours that says what happens next."""
        expected = getattr(errors, subject.example.errors.get(status, usual.__name__))
        for name, operation in _asked(subject, status):
            if status == 404 and name in {"fetch", "delete"}:
                continue  # gone is an answer to both
            with pytest.raises(expected):
                operation()

    @pytest.mark.parametrize(
        ("headers", "wait"),
        [
            ({"Retry-After": "7"}, timedelta(seconds=7)),
            ({"Retry-After": IN_SEVEN_SECONDS, "Date": DATE}, timedelta(seconds=7)),
            ({"Retry-After": "99999999999"}, None),
            ({"Retry-After": "soon"}, None),
            ({}, None),
        ],
        ids=["seconds", "date", "absurd", "nonsense", "missing"],
    )
    def test_passes_on_how_long_to_wait(
        self, subject: Subject, headers: dict[str, str], wait: timedelta | None
    ) -> None:
        """A 429 raises RateLimited with the time they ask for, or a sensible one of ours."""
        for _, operation in _asked(subject, 429, headers):
            with pytest.raises(RateLimited) as caught:
                operation()
            told = caught.value.retry_after
            assert timedelta(0) < told <= LONGEST
            assert wait is None or told == wait

    def test_a_dead_network_is_transient(self, subject: Subject) -> None:
        """A connection that is refused or reset is worth another try."""
        with _cut_off(subject) as spoke:
            asked = asked_of(subject, spoke)
            if not asked:
                not_applicable(f"{subject} calls nobody")
            for operation in asked.values():
                with pytest.raises(Transient):
                    operation()

    def test_an_answer_cut_short_is_transient(self, stage: Stage) -> None:
        """Half an answer is no answer."""
        asked = asked_of(stage.subject, stage.spoke())
        if not asked:
            not_applicable(f"{stage.subject} calls nobody")
        stage.sandbox.faults.add(Fault(truncate=3, body="x" * 100, times=None))
        for operation in asked.values():
            with pytest.raises(Transient):
                operation()

    def test_an_html_page_is_no_data(self, subject: Subject) -> None:
        """A maintenance page raises Transient with a 503, something with a 200, and is not quoted."""
        for name, operation in _asked(subject, 503, HTML, PAGE):
            with pytest.raises(Transient) as caught:
                operation()
            assert len(str(caught.value)) < 1000, f"{name} quotes the whole page"
        for name, operation in _asked(subject, 200, HTML, PAGE):
            if name not in NEED_NO_DATA:
                with pytest.raises(Exception):  # noqa: B017 -- what is not data is at least a bug
                    operation()

    def test_finds_an_error_inside_a_200(self, subject: Subject) -> None:
        """What says 200 and holds an error is no empty list: it raises, and the vendor's own as they are."""
        for name, operation in _asked(subject, 200, JSON, REFUSAL):
            if name not in NEED_NO_DATA:
                with pytest.raises(Exception):  # noqa: B017 -- at least a bug
                    operation()
        for hidden in subject.example.hidden:
            expected = getattr(errors, hidden.raises)
            text = orjson.dumps(hidden.reply).decode()
            for _, operation in _asked(subject, 200, JSON | hidden.headers, text):
                with pytest.raises(expected):
                    operation()


def _asked(
    subject: Subject, status: int, headers: dict[str, str] | None = None, text: str = "nope"
) -> list[tuple[str, Operation]]:
    asked = operations(subject, always(status, headers, text))
    if not asked:
        not_applicable(f"{subject} calls nobody")
    return asked


@contextmanager
def _cut_off(subject: Subject) -> Iterator[Spoke]:
    """A spoke whose every connection breaks."""
    if subject.sandbox is None:
        spoke = subject.build(url=unreachable(), sandbox=True)
        yield spoke
        close(spoke)
        return
    with serve(subject.vendor()) as sandbox, Stage(subject, sandbox) as stage:
        sandbox.faults.add(Fault(drop="before", times=None))
        yield stage.spoke()
