"""Value maps: a value of theirs to one of ours, and back to the first key listed."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import date, datetime
from typing import Any

from hub.mapping import kinds
from hub.mapping.faults import Failure, shortened

REST = "*"


class ValueMap(dict[Any, Any]):
    """Inward. An unknown value is what `"*"` says, or a `Failure`."""

    def __init__(self, entries: dict[Any, Any], ours: Callable[[Any], Any] | None = None) -> None:
        """`ours` gives each value the form of the column that it is for; may raise `Failure`."""
        super().__init__({None: None})
        for key, value in entries.items():
            final = ours(value) if ours else value
            if key == REST:
                self.rest = final
            else:
                self.setdefault(key, final)
                self.setdefault(as_json(key), final)
        self.strict = REST not in entries

    def __missing__(self, key: Any) -> Any:
        if self.strict:
            raise Failure(f"no value for {shortened(key)}")
        return self.rest


class WayBack(dict[Any, Any]):
    """Outward: the first key listed for a value. `names` are choices, for the message."""

    def __init__(
        self, entries: dict[Any, Any], ours: Callable[[Any], Any], names: dict[str, str]
    ) -> None:
        super().__init__()
        self.names = names
        for key, value in entries.items():
            final = ours(value)
            if key != REST and isinstance(final, Hashable):  # a list or an object has no way back
                self.setdefault(final, key)

    def __missing__(self, value: Any) -> Any:
        raise Failure(f"no value of theirs for {shortened(self.names.get(value, value))}")


def as_json(key: Any) -> Any:
    """How JSON would write a key that YAML made a value of: `true` as "true", 2 as "2"."""
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, datetime):
        return kinds.iso(key) if key.tzinfo else key.isoformat()
    return str(key) if isinstance(key, int | float | date) else key
