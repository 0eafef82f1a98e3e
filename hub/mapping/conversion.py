"""What a pipe does: a conversion of one value, with its inverse where it has one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hub.shape import Kind

Constant = str | int | float | bool | None
"""What a mapping file can write out: the arguments of a pipe are such."""

Gives = Literal["text", "number", "moment", "day", "list", "truth", ""]
"""Of a value that is not null, what it is certain to be; empty for anything."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """`inward(value, *arguments)`; `outward` undoes it, with the same arguments.

    `fast` is a shortcut in generated source, as in `kinds.Coercion`, with `{a}` for the first
    argument. `into` is, by kind of column, the shortcut of pipe and coercion in one.
    One is `of_text` that people put behind texts; what it `gives` is nothing else.
    `takes` checks the arguments, of which the last few are `optional`. An `exact` pipe brings back
    every value that its inverse was given.
    """

    inward: Callable[..., Any]
    outward: Callable[..., Any] | None = None
    takes: tuple[Callable[[Constant], Constant], ...] = ()
    optional: int = 0
    fast: str = "{slow}"
    into: Mapping[Kind, str] = field(default_factory=dict[Kind, str])
    of_text: bool = False
    gives: Gives = ""
    exact: bool = False
