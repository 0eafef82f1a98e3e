"""Why a rule is not judged: it has nothing to say of this spoke, or nobody has shown it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import pytest

from hub.abilities import Attaches, Counts, Recalls, WritesMany
from hub.spoke import Fetches, Pulls, Receives, Subscribes, Writes

if TYPE_CHECKING:
    from hub.testing.stage import Subject

NOT_APPLICABLE = "not applicable: "
NOT_PROVEN = "not proven: "
DOES_NOT: dict[type, str] = {
    Pulls: "does not pull",
    Fetches: "does not fetch",
    Receives: "receives no webhooks",
    Subscribes: "asks for no subscriptions",
    Writes: "does not write",
    WritesMany: "writes one at a time",
    Attaches: "carries no files",
    Recalls: "recalls nothing",
    Counts: "does not count",
}
"""What is said of a spoke without an ability."""
Rule = TypeVar("Rule", bound=Callable[..., None])


def not_applicable(why: str) -> NoReturn:
    """The vendor or the spoke has nothing that the rule is about."""
    pytest.skip(NOT_APPLICABLE + why)


def not_proven(why: str) -> NoReturn:
    """The rule is about this spoke, but what would show that it is kept is missing."""
    pytest.skip(NOT_PROVEN + why)


def needs(ability: type) -> Callable[[Rule], Rule]:
    """The rule is only about spokes with this ability; decided before a sandbox is started."""

    def mark(rule: Rule) -> Rule:
        rule.needs = ability  # type: ignore[attr-defined]
        return rule

    return mark


def check_needs(rule: Any, subject: Subject) -> None:
    """End the rule as not applicable if it needs what the spoke cannot do."""
    ability = getattr(rule, "needs", None)
    if ability is not None and not subject.can(ability):
        not_applicable(f"{subject} {DOES_NOT[ability]}")
