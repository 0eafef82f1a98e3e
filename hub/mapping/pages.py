"""The records of a page as bytes: split without parsing, and parsed only where the quick way fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from hub.mapping.faults import shortened
from hub.mapping.generate import Loop, Raw


def split(body: bytes, at: str) -> list[Raw]:
    """The records of a page's JSON, unparsed, each as it came; they keep the body in memory.

    `at` is the dotted path of their list (`"records"`, `"data.items"`), empty if the page is one.
    A page that only `json.loads` can read (NaN, half a character, UTF-16) is written anew.
    Raises `ValueError` for a body that is no JSON, `LookupError` if no list stands there.
    """
    steps = tuple(at.split(".")) if at else ()
    try:
        found = _decoder(steps).decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return [json.dumps(record).encode() for record in _listed(body, steps)]
    for _ in steps:
        found = found.inner
    return list[Raw](found)


@lru_cache(maxsize=64)
def _decoder(steps: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    kind: Any = list[msgspec.Raw]
    for step in reversed(steps):
        kind = msgspec.defstruct("Page", [("inner", kind)], rename={"inner": step}, gc=False)
    return msgspec.json.Decoder(kind)


def _listed(body: bytes, steps: tuple[str, ...]) -> list[Any]:
    here = parsed(body)
    for step in steps:
        here = here.get(step) if isinstance(here, dict) else None
    if isinstance(here, list):
        return here
    where = f"at {'.'.join(steps)!r}" if steps else "at the top"
    raise LookupError(f"{where} stands {shortened(here)}, not a list of records")


def parsed(raw: Raw) -> Any:
    """As `json.loads`; raises `ValueError` for whatever it cannot read."""
    try:
        return json.loads(bytes(raw))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def each(loops: Iterable[Loop], raws: Sequence[Raw], alone: Callable[[Raw], Any]) -> list[Any]:
    """What a loop makes of each record; from loop to loop only those that were odd to the last.

    One that is odd to all of them is read `alone`.
    """
    found: list[Any] = [None] * len(raws)
    odd: Sequence[int] = range(len(raws))
    for loop in loops:
        if not odd:
            return found
        made, again = loop(raws if len(odd) == len(raws) else [raws[index] for index in odd])
        if len(made) == len(raws):
            found = made
        else:
            for index, one in zip(odd, made, strict=False):
                found[index] = one
        odd = [*(odd[index] for index in again), *odd[len(made) :]]
    for index in odd:
        found[index] = alone(raws[index])
    return found
