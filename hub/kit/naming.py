"""What a property of theirs may be called among our fields, and how likely that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from hub.kit.described import Property, snake
from hub.kit.words import ENTITIES, FILLERS, GENERIC, NAMES, QUALIFIERS
from hub.store.entities import Entity

LIKE = 0.86
"""The similarity from which two names may be one that is spelled in two ways."""


def names_of(entity: Entity, one: Property) -> Iterator[tuple[str, float]]:
    """What a property may be called, and how much of its path that is."""
    words = [snake(str(step)) for step in one.steps if not isinstance(step, int)]
    last = words[-1] = snake(one.name)
    if len(words) == 1 or last not in GENERIC:
        yield last, 1.0 if len(words) == 1 else 0.8
    if not one.sampled:
        return
    parts = "_".join(words).split("_")
    telling = [part for part in parts if part not in FILLERS]
    brief = "_".join(part for n, part in enumerate(telling) if part not in telling[:n])
    if brief and (len(words) == 1 or brief not in GENERIC):
        yield brief, 0.95
    if len(words) > 1:
        yield "_".join(words), 1.0
        yield f"{words[-2]}_{last}", 0.95
    for end in ("code", "_id", "_utc", "url", "_c"):
        if last.endswith(end) and len(last) > len(end) + 2:
            yield from _shorter(entity, last.removesuffix(end).strip("_"), 0.9)
    yield from _shorter(entity, last.rstrip("0123456789").rstrip("_"), 0.9)
    said = parts if len(words) == 1 else telling
    plain = "_".join(part for part in said if part.rstrip("0123456789") not in QUALIFIERS)
    if plain and plain not in GENERIC:
        yield plain, 0.85


def _shorter(entity: Entity, name: str, sure: float) -> Iterator[tuple[str, float]]:
    """Without what goes without saying: a case's `case_origin`."""
    yield name, sure
    for single in (entity.name, *ENTITIES.get(entity.name, ())):
        if name.startswith(single) and len(name) > len(single) + 2:
            yield name.removeprefix(single).strip("_"), sure - 0.05


def alike(ours: str, name: str, *, sampled: bool) -> float:
    """How likely a name is another one for a field of ours."""
    if name == ours:
        return 1.0
    synonyms = NAMES.get(ours, ())
    if name in synonyms:
        return 0.95 - synonyms.index(name) / 100
    return _nearly(ours, name, synonyms) if sampled else 0.0


def _nearly(ours: str, name: str, synonyms: Sequence[str]) -> float:
    """How likely a name is one that is spelled otherwise."""
    flat = name.replace("_", "")
    if flat == ours.replace("_", ""):
        return 0.97
    if flat in (squeezed := [other.replace("_", "") for other in synonyms]):
        return 0.93 - squeezed.index(flat) / 100
    before, _, part = ours.partition("_")
    for other in NAMES.get(part, ()):  # billing_postal_code is our billing_zip
        if part and name == f"{before}_{other}":
            return 0.92 - NAMES[part].index(other) / 100
    like = SequenceMatcher(None, ours, name).ratio()
    return like * 0.8 if like >= LIKE else 0.0
