"""Reads a record by its rules, and says of one that cannot be read which fields, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

from hub.mapping.build import Builder
from hub.mapping.declaration import Rule
from hub.mapping.faults import FAILURES, Failure, Fault, shortened
from hub.mapping.functions import dig
from hub.mapping.inverse import written
from hub.mapping.language import Expression, record_paths


class Inward:
    """Reads records by the rules of a mapping, and says of each field what is wrong with it."""

    def __init__(self, builder: Builder, rules: Iterable[Rule], file: str) -> None:
        self.builder = builder
        self.rules = [rule for rule in rules if rule.read is not None]
        self.file = file

    @cached_property
    def read(self) -> Callable[[Any], dict[str, Any]]:
        """Our values by field; raises one of `FAILURES`, of which `faults` says more."""
        return self.builder.inward(self.rules, self.otherwise)

    def otherwise(self, record: Any) -> dict[str, Any]:
        """As `read`, of a record that has not the form that the rules expect."""
        try:
            return self.quickly(record)
        except FAILURES:
            return self.plainly(record)

    def faults(self, record: Any, where: str = "", only: str = "") -> list[Fault]:
        """Each field that cannot be read, or the one."""
        if not isinstance(record, dict):
            failure = Failure(f"the record is not an object but {shortened(record)}")
            return [whole(self.file, failure, where)]
        found = []
        for rule, read in self.alone:
            if only and rule.field.name != only:
                continue
            try:
                read(record)
            except FAILURES as error:
                assert rule.read is not None
                name, value = where + rule.field.name, values_at(rule.read, record)
                found.append(Fault(rule.place, name, rule.text, value, reason(error)))
        return found

    @cached_property
    def quickly(self) -> Callable[[Any], dict[str, Any]]:
        return self.builder.inward(self.rules)

    @cached_property
    def plainly(self) -> Callable[[Any], dict[str, Any]]:
        return self.builder.inward(self.rules, plainly=True)

    @cached_property
    def alone(self) -> list[tuple[Rule, Callable[[Any], dict[str, Any]]]]:
        return [(rule, self.builder.inward([rule], plainly=True)) for rule in self.rules]


def whole(file: str, error: Exception, where: str = "") -> Fault:
    """A fault of the record as such."""
    return Fault(file, where.rstrip(".") or "record", "this", "", reason(error))


def reason(error: Exception) -> str:
    if isinstance(error, Failure):
        return str(error)
    return f"the value does not fit ({error})"


def values_at(tree: Expression, record: Any) -> str:
    """What the expression's paths hold, shortened; by path where there are several."""
    found = []
    paths = record_paths(tree)
    for path in paths:
        try:
            value = shortened(dig(record, path.steps))
        except FAILURES as error:
            value = f"({reason(error)})"
        found.append(value if len(paths) == 1 else f"{written(path.steps)}={value}")
    return ", ".join(found)
