"""Guesses which of our entities and fields a property of theirs is, and says when it only guesses.

A property is known by a description (`hub spoke new --from`) or by records that were looked at
(`hub mapping draft`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from keyword import iskeyword
from types import MappingProxyType
from typing import Any

from hub.kit.described import Property, snake
from hub.kit.naming import alike, names_of
from hub.kit.outline import Kind
from hub.kit.words import BY_KIND, ENTITIES, NAMES, VALUES
from hub.shape import Field
from hub.store import entities
from hub.store.entities import Entity

Targets = Mapping[str, tuple[str, Entity]]
"""What a reference may lead to: the stream and our entity, by what the property says."""

NEVER = ("sys_", "hub_")
"""What these fields of ours hold, the hub knows; those that are named in `words` are not meant."""
ONCE = frozenset(
    {"correlation_id", "correlation_display", "opened_at", "order_date", "requested_at"}
)
"""They are told once, and what we have then stays."""
INWARD = ONCE | {"closed_at", "resolved_at"}
"""What they alone say: nobody changes it here."""
PIPES: Mapping[str, str] = MappingProxyType({
    "instant": " | datetime", "money": " | money", "email": " | email", "phone": " | phone",
    "mobile_phone": " | phone", "short_description": " | trim", "name": " | trim",
})  # fmt: skip
SURE = 0.6
"""Of the values of a choice."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of `fields`. `table` maps their values to ours, with whether each is a guess."""

    ours: str
    theirs: Property
    expression: str
    inward: bool = False
    doubt: str = ""
    table: Mapping[str | int, tuple[str, bool]] = field(default_factory=dict)

    @property
    def plain(self) -> bool:
        """Whether it is a free text that is written back as it is."""
        free = self.theirs.type == "text" and not self.theirs.values
        return free and not self.theirs.format and not self.inward and "ref(" not in self.expression

    @property
    def shows(self) -> bool:
        """Whether what comes out of a sample is told by looking at it."""
        return not self.table and "ref(" not in self.expression and self.theirs.type in {
            "text", "boolean", "integer",
        }  # fmt: skip

    def want(self, given: Any) -> Any:
        return str(given).lower() if "| string" in self.expression else given

    @property
    def bare(self) -> str:
        """The expression as YAML takes it."""
        return self.expression if self.expression[0] not in "'\"[{@" else f"'{self.expression}'"

    def written(self, width: int) -> str:
        once = ", owner: if_empty" if self.ours in ONCE else ""
        value = f"{{in: {_inside(self.bare)}, out: {{}}{once}}}" if self.inward else self.bare
        comment = f"  # {self.doubt}" if self.doubt else ""
        return f"  {self.ours + ':':<{width}}{value}{comment}"

    def written_table(self) -> Iterator[str]:
        yield f"  {self.ours}:"
        for theirs, (ours, guessed) in self.table.items():
            yield f"    {json.dumps(theirs, ensure_ascii=False)}: {ours}" + (
                "  # ? guessed" if guessed else ""
            )


def _inside(expression: str) -> str:
    """An expression as it may stand between the braces of YAML."""
    odd = expression[0] != "'" and any(sign in expression for sign in "[]{},#")
    return "'" + expression.replace("'", "''") + "'" if odd else expression


def entity_of(collection: str, kind: Kind) -> Entity:
    """The entity that records of a collection probably are; by the kind of system for want of one."""
    words = snake(collection)
    single = words[:-3] + "y" if words.endswith("ies") else words.removesuffix("s")
    for form in (words, single, single.removesuffix("e"), single.rpartition("_")[2]):
        for entity, names in ENTITIES.items():
            if form in names:
                return entities.find(entity)
    return entities.find(BY_KIND[kind])


def lines_of(
    entity: Entity, properties: Sequence[Property], targets: Targets, *, taken: Collection[str] = ()
) -> tuple[list[Line], list[str]]:
    """The lines that read these properties, in their order, and what is doubtful about them.

    Each field of ours goes to the property that fits it best. What fits none is kept as it is, in
    a field of its own.
    """
    best = sorted(
        (
            (score, -number, known.name)
            for number, one in enumerate(properties)
            for known, score in _candidates(entity, one)
            if known.name not in taken
        ),
        reverse=True,
    )
    chosen: dict[int, str] = {}
    for _, number, name in best:
        if -number not in chosen and name not in chosen.values():
            chosen[-number] = name
    again = _said_twice(entity, properties, chosen, taken)
    lines: list[Line] = []
    doubts: list[str] = []
    for number, one in enumerate(properties):
        names = {*taken, *chosen.values(), *(line.ours for line in lines)}
        line, doubt = _line(entity, one, targets, chosen.get(number, ""), names)
        lines += [line] if line else []
        if number in again:
            other, also = _known(entity.shape.fields[again[number]], one)
            lines.append(replace(other, inward=True))
            doubt = doubt or also
        doubts += [f"{'.'.join(map(str, one.steps))}: {doubt}"] if doubt else []
    return lines, doubts


def _said_twice(
    entity: Entity,
    properties: Sequence[Property],
    chosen: Mapping[int, str],
    taken: Collection[str],
) -> dict[int, str]:
    """The state of ours, where nothing has it, from what is kept as their word for it."""
    state = entity.shape.fields.get("state")
    if state is None or state.kind != "choice" or "state" in {*chosen.values(), *taken}:
        return {}
    for number, one in enumerate(properties):
        words = snake(str(one.steps[-1])).split("_")
        if (
            one.sampled
            and one.values
            and words[-1] in {"state", "status"}
            and "financial" not in words
        ):
            return {number: "state"}
    return {}


def _line(
    entity: Entity, one: Property, targets: Targets, name: str, taken: set[str]
) -> tuple[Line | None, str]:
    if one.type == "other":
        return None, "is a list or an object: not mapped"
    if one.type == "reference":
        return _reference(entity, one, targets, taken)
    if name:
        return _known(entity.shape.fields[name], one)
    if one.format == "empty":
        return None, ""
    if len(one.steps) > 1 or one.name.startswith("@"):
        return None, ""  # what is part of something is told of as a whole
    return _custom(one, taken)


# -- names ---------------------------------------------------------------------------------------------


def _candidates(entity: Entity, one: Property) -> Iterator[tuple[Field, float]]:
    """Our fields that a property may be, and how likely each is, from 0 to 1."""
    if one.type in {"other", "reference"}:
        return
    names = dict(names_of(entity, one))
    for known in entity.shape.fields.values():
        if known.name == "number" or known.read_only or not _fits(known, one):
            continue
        if known.name.startswith(NEVER) and known.name not in NAMES:
            continue
        score = max(
            alike(known.name, name, sampled=one.sampled) * sure for name, sure in names.items()
        )
        if score > 0:
            yield known, score


_TYPES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "string": ("text",), "choice": ("text",), "instant": ("moment",), "boolean": ("boolean",),
    "integer": ("integer",), "number": ("number", "integer"), "money": ("number", "integer"),
})  # fmt: skip


def _fits(known: Field, one: Property) -> bool:
    if one.sampled:
        return _looks_like(known, one)
    return one.type in _TYPES.get(known.kind, ()) and bool(one.values) == (known.kind == "choice")


def _looks_like(known: Field, one: Property) -> bool:
    """Whether what the records show can be read as a field of ours."""
    if one.format == "empty":
        return known.kind in {"string", "instant", "money"}
    match known.kind:
        case "choice":
            return one.type in {"text", "integer"} and bool(one.values)
        case "instant":
            return one.type in {"moment", "date"}
        case "money":
            return one.type in {"number", "integer"} or one.format == "decimal"
        case "string":
            return one.type in {"text", "integer", "number"}
        case _:
            return one.type in _TYPES.get(known.kind, ())


# -- lines ---------------------------------------------------------------------------------------------


def _known(known: Field, one: Property) -> tuple[Line, str]:
    path = path_of(one)
    if known.kind == "choice":
        table = {value: _choice(known, value) for value in one.values}
        line = Line(known.name, one, f"{path} | map({known.name})", table=table)
        guessed = [str(value) for value, (_, guess) in table.items() if guess]
        return line, f"guessed what {', '.join(guessed)} stands for" if guessed else ""
    pipe = PIPES.get(known.kind) or PIPES.get(known.name, "")
    doubt, inward = "", known.name in INWARD
    if one.sampled:
        pipe, doubt = _pipe(known, one, pipe)
        inward = inward or pipe in {" | html", " | string", " | number"}
    return Line(known.name, one, path + pipe, inward=inward, doubt=doubt), ""


def _pipe(known: Field, one: Property, usual: str) -> tuple[str, str]:
    """The pipe that reads what the records show, and what is doubtful about it."""
    if one.format == "empty":
        return usual, "? always empty so far"
    if known.kind == "instant" and one.format == "local":
        return ' | datetime("UTC")', "? they say no time zone: which is it?"
    if known.kind == "string" and one.type != "text":
        return " | string", ""
    if known.kind == "string" and one.format == "html":
        return " | html", ""
    if known.name in {"email", "phone", "mobile_phone"} and one.format != known.name[-5:]:
        return " | trim", ""  # some of them are none
    return usual, ""


def _choice(known: Field, value: str | int) -> tuple[str, bool]:
    """Our name for one of their values, and whether that is a guess."""
    name = snake(str(value))
    if name in known.choices:
        return name, False
    for ours in known.choices:
        if name in VALUES.get(ours, ()):
            return ours, isinstance(value, int)
    like = {ours: SequenceMatcher(None, ours, name).ratio() for ours in known.choices}
    near = max(like, key=lambda ours: like[ours])
    return (near if like[near] >= SURE else next(iter(known.choices))), True


def _reference(
    entity: Entity, one: Property, targets: Targets, taken: set[str]
) -> tuple[Line | None, str]:
    target = targets.get(one.of)
    if target is None:
        return None, f"refers to {one.of}, which is not listed: not mapped"
    stream, of = target
    fits = [
        known.name
        for known in entity.shape.fields.values()
        if known.kind == "reference"
        and known.reference == of.table.name
        and known.name not in taken
    ]
    if not fits:
        return None, f"refers to {stream}, and no field of ours holds that: not mapped"
    name, sure = _field_of(one, of, fits)
    path = path_of(one) if one.sampled else f"{path_of(one)}.id"
    path += " | string" if one.format == "integer" else ""
    line = Line(name, one, f"{path} | ref({stream})", inward=not one.sampled)
    return line, "" if sure or len(fits) == 1 else f"is it our {name}?"


def _field_of(one: Property, of: Entity, fits: list[str]) -> tuple[str, bool]:
    """Which of our references it is, and whether that is sure."""
    last = snake(str(one.steps[-1])) if len(one.steps) == 1 else snake(str(one.steps[0]))
    if last in fits:
        return last, True
    if one.sampled:
        for name in (*fits, of.name):
            if name in fits and name.split("_")[-1] in last:
                return name, True
        if of.name in fits:
            return of.name, True
    return fits[0], False


def _custom(one: Property, taken: set[str]) -> tuple[Line | None, str]:
    name = f"u_{'_'.join(snake(str(step)) for step in one.steps).removesuffix('_c')}"[:60]
    if name in taken or name == "u_":
        return None, "is called as another one: not mapped"
    plain = one.type in {"text", "moment", "date"}
    said = "kept as it is, in a field of its own"
    line = Line(
        name, one, path_of(one) + ("" if plain else " | string"), inward=not plain, doubt=said
    )
    return line, ""


def path_of(one: Property) -> str:
    """A property as an expression; an odd name is quoted, for YAML too."""
    text = ""
    for step in one.steps:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step.isidentifier() and not iskeyword(step) and step != "this":
            text += f".{step}" if text else step
        else:
            text = f"{text or 'this'}[{json.dumps(step, ensure_ascii=False)}]"
    return text


def sample_of(one: Property) -> Any:
    """What the property of a new record says; {n} counts. None for what a sample cannot say."""
    if one.type == "text":
        return one.values[0] if one.values else _text(one)
    return _SAMPLES.get(one.type)


_SAMPLES: Mapping[str, Any] = MappingProxyType({
    "integer": 7, "number": 19.5, "boolean": True,
    "moment": "2026-05-01T10:00:00Z", "date": "2026-05-01",
})  # fmt: skip


def _text(one: Property) -> str:
    name = snake(one.name)
    if one.format == "email" or "mail" in name:
        return "person{n}@example.com"
    if "phone" in name or "mobile" in name:
        return "+1555000{n}"
    if one.format == "uuid":
        return "00000000-0000-4000-8000-000000000001"
    if one.format in {"uri", "url"}:
        return "https://vendor.example/{n}"
    said = f"{name.replace('_', ' ').capitalize()} {{n}}"
    return said if one.longest is None or len(said) + 3 <= one.longest else "{n}"
