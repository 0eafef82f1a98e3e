"""The list of rules itself, and the kit's manners: no pytest, no skipping without a reason."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import hub
from hub.testing import Fault, serve
from hub.testing.conformance import SpokeConformance, Subject, rules
from hub.testing.example import read
from hub.testing.stage import Stage
from tests.testing.broken.acme import Acme
from tests.testing.broken.sandbox import AcmeSandbox

EXAMPLE = read(Path(__file__).with_name("broken") / "example.yaml")
RULES = SpokeConformance()


def test_every_rule_states_its_obligation() -> None:
    assert len(rules()) > 30
    assert [name for name, told in rules().items() if not told.endswith(".")] == []


def test_the_kit_runs_without_pytest() -> None:
    code = "import sys, hub.testing, hub.registry; print('pytest' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_a_spoke_that_says_nothing_of_itself_is_refused() -> None:
    class Mute(hub.Spoke):
        streams = (hub.Stream("work_orders"), hub.Stream("work_orders"))

    with pytest.raises(AssertionError, match="say in a docstring"):
        RULES.test_is_described_and_has_streams(Subject("mute", Mute, EXAMPLE))
    Mute.__doc__ = "Says what it is."
    with pytest.raises(AssertionError, match="streams of one name"):
        RULES.test_is_described_and_has_streams(Subject("mute", Mute, EXAMPLE))


def test_a_capability_without_a_recording_is_refused() -> None:
    bare = EXAMPLE.model_copy(update={"webhook": None, "write": None})
    with pytest.raises(AssertionError, match=r"records nothing for .*Receives.*Writes"):
        RULES.test_every_stream_and_capability_has_an_example(Subject("acme", Acme, bare))


def test_a_spoke_that_only_reads_skips_the_rest_by_name() -> None:
    class Reader(hub.Spoke, hub.Fetches):
        """Reads, and that is all."""

        streams = (hub.Stream("work_orders"),)

        def fetch(self, stream: hub.Stream, ids: Sequence[str]) -> Iterator[hub.Change]:
            return (hub.Change(stream.name, id, None) for id in ids)

    subject = Subject("reader", Reader, EXAMPLE)
    with pytest.raises(pytest.skip.Exception, match="reader does not pull"):
        RULES.test_replays_the_recorded_pull(subject)
    with pytest.raises(pytest.skip.Exception, match="reader does not write"):
        RULES.test_replays_the_recorded_writes(subject)
    with pytest.raises(pytest.skip.Exception, match="reader receives no webhooks"):
        RULES.test_accepts_the_recorded_webhook(subject)


def test_a_pull_that_is_told_to_wait_goes_on_where_it_stopped() -> None:
    """The kit does as the engine does: it lets the time pass on the vendor's clock and resumes."""
    subject = Subject("acme", Acme, EXAMPLE, AcmeSandbox)
    with serve(AcmeSandbox()) as sandbox, Stage(subject, sandbox) as stage:
        created = stage.create_spread("work_orders", 5)
        sandbox.page_size = 2
        wait = {"Retry-After": "60"}
        sandbox.faults.add(Fault(path="/work_orders", skip=1, status=429, headers=wait))
        before = sandbox.clock.now()
        told = stage.changes("work_orders", stage.pull("work_orders"))
        assert [change.id for change in told] == created
        assert (sandbox.clock.now() - before).total_seconds() >= 60
