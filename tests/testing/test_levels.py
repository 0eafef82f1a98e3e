"""Levels are computed: every rule has one, and each needs those below it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.kit.guide import rewritten
from hub.testing.conformance import rules
from hub.testing.levels import LEVELS, Level, Outcome, Verdict, reached

GUIDE = Path(__file__).parents[2] / "docs" / "spokes.md"


def verdicts(**instead: Outcome) -> list[Verdict]:
    return [Verdict(rule, instead.get(rule, "pass")) for rule in LEVELS]


def test_every_rule_has_a_level() -> None:
    assert set(LEVELS) == set(rules())


def test_who_keeps_every_rule_is_gold() -> None:
    assert reached(verdicts(), both_ways=True) is Level.GOLD
    assert reached(verdicts(writes_nothing_twice="not applicable"), both_ways=True) is Level.GOLD


def test_who_only_reads_is_no_more_than_silver() -> None:
    assert reached(verdicts(), both_ways=False) is Level.SILVER


@pytest.mark.parametrize("short", ["fail", "not proven"])
def test_a_level_is_lost_with_one_of_its_rules(short: Outcome) -> None:
    for rule, below in (
        ("writes_nothing_twice", Level.SILVER),
        ("loses_no_tie", Level.BRONZE),
        ("pulls_every_change_once", Level.NONE),
    ):
        assert reached(verdicts(**{rule: short}), both_ways=True) is below


def test_the_guide_has_every_rule_as_it_is() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    assert rewritten(text) == text, "run: python -m hub.kit.guide docs/spokes.md"
