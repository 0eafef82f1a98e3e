"""The conformance suite passes a correct spoke, and fails each broken one by the rule it breaks."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import hub
from hub.testing.conformance import rules
from hub.testing.conformance.attaching import Attaching
from hub.testing.conformance.counting import Counting
from hub.testing.conformance.many import WritingMany
from hub.testing.conformance.recalling import Recalling
from tests.testing.broken import courier_broken, herald, lister, variants
from tests.testing.broken.acme import Acme

BROKEN: tuple[type[hub.Spoke], ...] = (
    *variants.BROKEN, *herald.BROKEN, *lister.BROKEN, *courier_broken.BROKEN,
)  # fmt: skip
COURIERS = {
    name.removeprefix("test_")
    for area in (WritingMany, Attaching, Recalling, Counting)
    for name in vars(area)
    if name.startswith("test_")
}
LISTERS = {"a_listing_leaves_nothing_out"}
HERALDS = {rule for rule in rules() if "subscri" in rule} | {
    "raises_cursor_lost_when_theirs_expires"
}
"""What Acme has nothing to do with; others have."""

ROOT = Path(__file__).parents[2]
SUITE = Path(__file__).with_name("broken") / "suite.py"

pytestmark = pytest.mark.timeout(900)  # one run over every variant, on a machine that may be busy

Verdicts = Mapping[str, Mapping[str, set[str]]]


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Verdicts:
    """Of each spoke, the rules by how they ended: passed, skipped, failed."""
    report = tmp_path_factory.mktemp("conformance") / "report.xml"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    command = [
        sys.executable,
        "-m",
        "pytest",
        str(SUITE),
        "-q",
        "-n",
        "4",
        "-p",
        "no:cacheprovider",
    ]
    run = subprocess.run(
        [*command, f"--junitxml={report}"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1, run.stdout[-3000:] + run.stderr[-3000:]
    return _read(report)


def test_the_correct_spoke_passes_every_rule(verdicts: Verdicts) -> None:
    assert verdicts["Acme"]["failed"] == set()
    assert verdicts["Acme"]["skipped"] == HERALDS | LISTERS | COURIERS
    assert verdicts["Acme"]["passed"] == set(rules()) - HERALDS - LISTERS - COURIERS


def test_one_with_subscriptions_passes_the_rules_of_those_too(verdicts: Verdicts) -> None:
    assert verdicts["Herald"]["failed"] == set()
    assert verdicts["Herald"]["passed"] == set(rules()) - LISTERS - COURIERS


def test_one_that_lists_everything_every_time_passes_what_is_about_it(verdicts: Verdicts) -> None:
    assert verdicts["Lister"]["failed"] == set()
    assert verdicts["Lister"]["passed"] >= LISTERS | {"resumes_after_any_page", "loses_no_tie"}
    assert verdicts["Lister"]["skipped"] == HERALDS | COURIERS | {
        "pulls_oldest_first",
        "pulls_what_changed_since_a_moment",
        "raises_cursor_lost_for_a_cursor_that_nobody_made",
    }


def test_one_that_can_do_more_passes_the_rules_about_that(verdicts: Verdicts) -> None:
    assert verdicts["Courier"]["failed"] == verdicts["Courier"]["skipped"] == set()
    assert verdicts["Courier"]["passed"] > COURIERS


@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: kind.__name__)
def test_a_broken_spoke_fails_by_the_rule_it_breaks(
    kind: type[hub.Spoke], verdicts: Verdicts
) -> None:
    assert verdicts[kind.__name__]["failed"] == vars(kind)["breaks"]


def test_nearly_every_rule_is_broken_by_somebody() -> None:
    broken = {rule for kind in BROKEN for rule in vars(kind)["breaks"]}
    assert set(rules()) - broken == {
        "goes_on_when_its_token_expires_between_pages",
        "takes_only_safe_addresses",  # these are hub.Spoke's own
        "takes_no_foreign_host",
        "is_described_and_has_streams",  # broken beside the suite, in test_rules.py
        "every_stream_and_capability_has_an_example",
        "its_mappings_keep_their_examples",
        "accepts_the_recorded_webhook",
        "pulls_every_change_once",
        "keeps_up_with_updates_while_paging",
        "creates_updates_and_deletes",
        "webhook_and_pull_name_records_alike",
    }


def test_a_complete_spoke_is_about_forty_lines() -> None:
    """Settings, sign-in, poll, fetch, webhook with two secrets, write-back and delete."""
    code = [line for line in inspect.getsource(Acme).splitlines() if line.strip()]
    assert len(code) < 50


def _read(report: Path) -> Verdicts:
    verdicts: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 -- written by our own run
        named = re.fullmatch(r"test_(\w+)\[(\w+).*\]", case.attrib["name"])
        assert named, case.attrib["name"]
        outcome = "skipped" if case.find("skipped") is not None else "passed"
        if case.find("failure") is not None or case.find("error") is not None:
            outcome = "failed"
        verdicts[named[2]][outcome].add(named[1])
    return verdicts
