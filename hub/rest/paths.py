"""Where things are: dotted paths into JSON, and addresses in which `{name}` is filled in.

Neither is a language: a path is names with dots between them, and a `{name}` is replaced by one
value, escaped for where it stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from hub.errors import NotFound

DOTTED = re.compile(r"[^\s.{}()\[\]|\"'*?]+(\.[^\s.{}()\[\]|\"'*?]+)*")
PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")


def value_at(value: Any, path: str) -> Any:
    """What stands at a dotted path, None for nothing; the value itself at an empty one."""
    for name in filter(None, path.split(".")):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def put_at(data: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of `data` in which `value` stands at a dotted path."""
    name, _, rest = path.partition(".")
    inner = data.get(name)
    if rest:
        value = put_at(inner if isinstance(inner, dict) else {}, rest, value)
    return {**data, name: value}


def names_in(template: str) -> list[str]:
    """The names of the `{name}`s."""
    return PLACEHOLDER.findall(template)


def filled(template: str, values: Mapping[str, str]) -> str:
    """The template with plain values, for where somebody else escapes it, as in a query."""
    return PLACEHOLDER.sub(lambda found: values[found[1]], template)


def address(template: str, values: Mapping[str, str]) -> str:
    """A path in which each value is one segment, whatever characters it has.

    Raises `NotFound` for one that would lead elsewhere (empty, `.`, `..`): no record is called so.
    """
    for name in names_in(template):
        if values[name] in {"", ".", ".."}:
            raise NotFound(f"{template}: {values[name]!r} cannot be the {name} of a record")
    return PLACEHOLDER.sub(lambda found: quote(values[found[1]], safe=""), template)
