"""How a spoke declares a pipe of its own, for the values that only its vendor has.

    # spokes/acme/pipes.py
    import hub

    def minutes(seconds: int) -> int: ...

    @hub.pipe(back=minutes)
    def seconds(minutes: int) -> int: ...

A mapping writes it with the spoke's name: `estimate | acme.seconds`. The hub passes null by, gives
the function a value of the type that it is annotated with (`str`, `int`, `float`, `Decimal`, or
anything for `Any`), and takes a `ValueError` for what does not fit, with its message for people.
Further parameters are constants that the mapping writes: `id | acme.gid("Order")`; the way back has
the same ones. `back` must undo it: the kit holds every pipe to `pipe(back(value)) == value`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class OwnPipe:
    """A function of a spoke's package that mappings may name; called, it is that function."""

    inward: Callable[..., Any]
    back: Callable[..., Any] | None = None
    like: str = ""

    def __call__(self, value: Any, *arguments: Any) -> Any:
        return self.inward(value, *arguments)


def pipe(
    *, back: Callable[..., Any] | None = None, like: str = ""
) -> Callable[[Callable[..., Any]], OwnPipe]:
    """Make a function of `spokes/<name>/pipes.py` a pipe, with the function that undoes it.

    `like` is a regular expression of the texts that they send, where not any text will do: the kit
    makes up such to try the pipe with.
    """
    return lambda function: OwnPipe(function, back, like)


__all__ = ["pipe"]
