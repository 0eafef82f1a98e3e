"""The records of a page as bytes: split without parsing, and parsed only where the quick way fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from typing import Any

import msgspec

from hub.mapping.faults import shortened
from hub.mapping.frames import Loop, Raw
from hub.mapping.heads import Head
from hub.mapping.kinds import MAX_TEXT


def split(body: bytes, at: str) -> list[Raw]:
    """The records of a page's JSON, unparsed, each as it came; they keep the body in memory.

    `at` is the dotted path of their list (`"records"`, `"data.items"`), empty if the page is one.
    A page that only `json.loads` can read (NaN, half a character, UTF-16) is written anew.
    Raises `ValueError` for a body that is no JSON, `LookupError` if no list stands there.
    """
    steps = tuple(at.split(".")) if at else ()
    try:
        found = _decoder(msgspec.Raw, steps).decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return [json.dumps(record).encode() for record in _listed(body, steps)]
    for _ in steps:
        found = found.inner
    return list[Raw](found)


class Unsplit(Sequence[Raw]):
    """What `split` gives, once somebody asks for it; until then it is known how many there are."""

    def __init__(self, body: bytes, at: str, length: int) -> None:
        self.body = body
        self.at = at
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: Any) -> Any:
        return self.raws[index]

    def __iter__(self) -> Iterator[Raw]:
        return iter(self.raws)

    @cached_property
    def raws(self) -> list[Raw]:
        return split(self.body, self.at)


def decoded(body: bytes, at: str, struct: type[msgspec.Struct]) -> list[Head] | None:
    """The records of a page as Structs that are heads; None if one of them cannot be that."""
    steps = tuple(at.split(".")) if at else ()
    try:
        found = _decoder(struct, steps).decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    for _ in steps:
        found = found.inner
    keys = "".join([head.key for head in found])
    return found if "\0" not in keys and len(keys) <= MAX_TEXT else None


@lru_cache(maxsize=1024)
def _decoder(record: Any, steps: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    kind: Any = list[record]
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


def each(
    loops: Iterable[tuple[Loop, Sequence[Any]]], raws: Sequence[Raw], alone: Callable[[Raw], Any]
) -> list[Any]:
    """What a loop makes of each record; from loop to loop only those that were odd to the last.

    Each loop comes with what it reads: the `raws`, or what they have been decoded to. A record
    that is odd to all of them is read `alone`.
    """
    found: list[Any] = [None] * len(raws)
    odd: Sequence[int] = range(len(raws))
    for loop, records in loops:
        if not odd:
            return found
        made, again = loop(records if len(odd) == len(raws) else [records[i] for i in odd])
        if len(made) == len(raws):
            found = made
        else:
            for index, one in zip(odd, made, strict=False):
                found[index] = one
        odd = [*(odd[index] for index in again), *odd[len(made) :]]
    for index in odd:
        found[index] = alone(raws[index])
    return found
