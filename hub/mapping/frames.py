"""The frames that generated code stands in, and what compiles it: one record, or a whole page.

Nothing can be reached from it but `NAMES` and the constants of its mapping.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from hub.mapping.names import NAMES

Raw = bytes | memoryview | msgspec.Raw
Loop = Callable[[Sequence[Any]], tuple[list[Any], list[int]]]
"""A result per record, and the indexes of those that are not as expected: their result is None."""


@dataclass(frozen=True, slots=True)
class PageReader:
    """Reads the records of a page at once: to Structs that are their heads, and those to rows."""

    struct: type[msgspec.Struct]
    rows: Loop


FUNCTION = """
def generated({given}):
    try:
{body}    except FAILURES:
        {caught}
"""
LOOP = """
def generated(records):
    results, odd = [], []
    keep = results.append
    for r in records:
        try:
{body}            keep({result})
        except FAILURES:
            odd.append(len(results))
            keep(None)
            if len(odd) > MANY and 2 * len(odd) > len(results):
                break
    return results, odd
"""


def compiled(text: str, constants: Mapping[str, Any]) -> Callable[..., Any]:
    """The function `generated` of a text that this package has written."""
    names: dict[str, Any] = {"__builtins__": {}, **NAMES, **constants}
    exec(compile(text, "<mapping>", "exec"), names)  # noqa: S102 -- see `generate`
    generated: Callable[..., Any] = names["generated"]
    return generated
