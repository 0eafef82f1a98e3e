"""Derives how a field is written back from how it is read.

Law 2: rename, nested path, selector, pipes that have an inverse, `or` and coalesce to their first
path. What is computed in any other way is inward only, unless the file says how in `out:`.
"""

from __future__ import annotations

from dataclasses import dataclass

from hub.mapping.faults import BadExpression
from hub.mapping.language import Call, Expression, Logic, Path, Pipe, Select, Step


@dataclass(frozen=True, slots=True)
class Inverse:
    """Where a value of ours is written, and the pipes whose inverses it passes, in that order.

    `exact` if reading it back gives the very value, not merely one that means the same.
    """

    target: tuple[Step, ...]
    pipes: tuple[Pipe, ...]
    exact: bool

    @property
    def text(self) -> str:
        """As `hub mapping show` shows it."""
        return f"{written(self.target)} = " + " | ".join(["value", *map(_undone, self.pipes)])


def invert(tree: Expression) -> Inverse:
    """The inverse of an expression; raises `BadExpression` saying why there is none."""
    pipes: list[Pipe] = []
    exact = True
    while not isinstance(tree, Path):
        match tree:
            case Pipe(source, name, does=pipe):
                if pipe.outward is None:
                    raise BadExpression(f"`{name}` has no inverse")
                pipes.append(tree)
                exact = exact and pipe.exact
                tree = source
            case Logic("or", parts) | Call("coalesce", parts):
                exact = False
                tree = parts[0]
            case _:
                raise BadExpression("it is computed")
    zone = next((p.arguments[0] for p in pipes if p.name == "datetime" and p.arguments), "UTC")
    if zone != "UTC":
        raise BadExpression(f"a time in {zone} without an offset cannot be written exactly")
    _check_target(tree.steps)
    return Inverse(tree.steps, tuple(pipes), exact)


def _check_target(steps: tuple[Step, ...]) -> None:
    if not steps:
        raise BadExpression("it reads the whole record")
    if any(isinstance(step, int) for step in steps):
        raise BadExpression("an item of a list cannot be written by its number")
    if isinstance(steps[-1], Select):
        raise BadExpression("a whole list entry cannot be written")


def _undone(pipe: Pipe) -> str:
    inner = ", ".join(map(str, pipe.arguments))
    return f"{pipe.name}⁻¹({inner})" if inner else f"{pipe.name}⁻¹"


def written(steps: tuple[Step, ...]) -> str:
    """A path as text: `emails(type="work").value`."""
    text = ""
    for step in steps:
        match step:
            case Select(criteria):
                text += f"({', '.join(f'{key}={value!r}' for key, value in criteria)})"
            case int():
                text += f"[{step}]"
            case str() if step.isidentifier():
                text += f".{step}" if text else step
            case _:
                text += f"[{step!r}]" if text else f"this[{step!r}]"
    return text
