"""What a query costs, and the leaky bucket that limits it.

Scalars are free, an object costs 1, a connection its `first` times what a node costs, a mutation
10; one query may cost 1,000 (https://shopify.dev/docs/api/usage/rate-limits). The bucket is charged
what was requested, and gets back what was not used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    ValueNode,
    value_from_ast_untyped,
)

MUTATION = 10


@dataclass(frozen=True, slots=True)
class Plan:
    """What a shop's plan allows: points in the bucket, points a second, points of one query."""

    maximum: float = 20_000
    restore: float = 1_000
    single: int = 1_000


STANDARD = Plan(maximum=2_000, restore=100)
PLUS = Plan()


class Bucket:
    """Points left by the shop's clock."""

    def __init__(self, plan: Plan, now: Callable[[], datetime]) -> None:
        self.plan = plan
        self._now = now
        self._left = plan.maximum
        self._at = now()

    def left(self) -> float:
        now = self._now()
        restored = max(0.0, (now - self._at).total_seconds()) * self.plan.restore
        self._left, self._at = min(self.plan.maximum, self._left + restored), now
        return self._left

    def take(self, points: float) -> bool:
        """Take the points if there are as many; negative ones are given back."""
        if self.left() < points:
            return False
        self._left = min(self.plan.maximum, self._left - points)
        return True

    def status(self) -> dict[str, float]:
        return {
            "maximumAvailable": self.plan.maximum,
            "currentlyAvailable": int(self.left()),
            "restoreRate": self.plan.restore,
        }


def requested(document: DocumentNode, variables: Mapping[str, Any]) -> int:
    """What a query may cost, known before it runs."""
    total = 0
    for operation in document.definitions:
        if isinstance(operation, OperationDefinitionNode):
            total += _inside(operation.selection_set, variables)
            if operation.operation is OperationType.MUTATION:
                total += MUTATION * len(operation.selection_set.selections)
    return total


def used(data: Any) -> int:
    """What an answer did cost: one point per object in it."""
    match data:
        case list():
            return sum(map(used, data))
        case dict() if "nodes" in data:
            return used(data["nodes"])
        case dict():
            return 1 + sum(used(value) for name, value in data.items() if name != "pageInfo")
        case _:
            return 0


def _inside(selected: SelectionSetNode | None, variables: Mapping[str, Any]) -> int:
    points = 0
    for chosen in selected.selections if selected else ():
        match chosen:
            case FieldNode():
                points += _of_field(chosen, variables)
            case InlineFragmentNode():
                points += _inside(chosen.selection_set, variables)
            case _:
                pass
    return points


def _of_field(field: FieldNode, variables: Mapping[str, Any]) -> int:
    if not field.selection_set or field.name.value == "pageInfo":
        return 0
    given = {a.name.value: _value(a.value, variables) for a in field.arguments or ()}
    inside = _inside(field.selection_set, variables)
    if ids := given.get("ids"):
        return len(ids) * (1 + inside)
    if (first := given.get("first")) is not None:
        # The `nodes` inside count as the one object per record.
        nodes = any(
            isinstance(s, FieldNode) and s.name.value == "nodes"
            for s in field.selection_set.selections
        )
        return int(first) * (inside if nodes else 1 + inside)
    return 1 + inside


def _value(node: ValueNode, variables: Mapping[str, Any]) -> Any:
    return value_from_ast_untyped(node, dict(variables))
