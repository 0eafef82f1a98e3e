"""A mapping: how records of one stream read as records of one entity, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Mapping as AnyMapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

from hub.mapping import pages
from hub.mapping.build import Builder, condition, evaluator
from hub.mapping.declaration import Declaration, Part, Rule, paths
from hub.mapping.faults import FAILURES, Failure, Fault, RecordFailed, shortened
from hub.mapping.frames import Loop, PageReader, Raw
from hub.mapping.functions import ABSENT, items
from hub.mapping.heads import BareHead, Head, key_text, version_text
from hub.mapping.inverse import written
from hub.mapping.language import Expression, Pipe, record_paths
from hub.mapping.reasons import Inward, reason, values_at, whole
from hub.mapping.tables import ValueMap

MOST_KNOWN_BY = 50
"""Values of one record by which a match rule looks others up."""


class Child(NamedTuple):
    """A record inside a record: its key there, and our values by field."""

    key: str
    values: dict[str, Any]


class Mapping:
    """One document of a mapping file, compiled.

    Immutable and safe to share between threads. Every method that reads a record raises
    `RecordFailed`; `outward` does so for a value that has no counterpart on their side.
    """

    inward: Callable[[Any], dict[str, Any]]
    """Our values by field; a field whose paths are all absent from the record is left out.

    Choices are codes, references `Ref`s, moments aware and in UTC, amounts `Decimal`s.
    """

    def __init__(self, declaration: Declaration) -> None:
        self.declaration = declaration
        self.name = declaration.name
        self.stream = declaration.name.partition("/")[2]
        self.to = declaration.shape.name
        self.table = declaration.shape.table
        self.file = declaration.file
        self.digest = declaration.digest
        self.owner = declaration.owner
        self.match = declaration.match
        self.creates = declaration.creates
        # Who did not create a record takes nothing with them.
        self.marks_deletions = declaration.creates and declaration.on_delete.word == "mark"
        self.on_delete = declaration.on_delete.values
        self.stamp = declaration.stamp
        rules = declaration.rules
        self.columns = tuple(rule.field.name for rule in rules if rule.read is not None)
        self.reads = frozenset(self.columns)
        self.writes = frozenset(_written_fields(rules))
        self.ref_streams: AnyMapping[str, str] = MappingProxyType(_ref_streams(rules))
        self.child_entities: AnyMapping[str, str] = MappingProxyType(
            {part.name: part.shape.name for part in declaration.parts}
        )
        self.paths = paths(declaration)
        self._rules = {rule.field.name: rule for rule in rules}
        self._builder = Builder(dict(declaration.maps), dict(declaration.shape.fields))
        self._inward = Inward(self._builder, rules, self.file)
        self.inward = self._builder.inward(rules, self._as_it_is)
        self._outward = self._builder.outward(rules)
        tables = {name: ValueMap(entries) for name, entries in declaration.maps.items()}
        self._accessors = {
            word: condition(tree, tables) if word == "when" else evaluator(tree, tables)
            for word, tree in declaration.accessors.items()
        }
        self._matching = [
            condition(rule.when, tables) if rule.when else None for rule in self.match
        ]
        self._through = [
            evaluator(rule.through.values, tables) if rule.through else None for rule in self.match
        ]
        self._parts = [_CompiledPart(part, self._builder, tables) for part in declaration.parts]

    def __repr__(self) -> str:
        return f"<Mapping {self.name} to {self.to}>"

    def inward_alone(self, field: str, record: Any) -> dict[str, Any]:
        """As `inward`, of one field, whatever is wrong with the others."""
        rule = self._rules[field]
        try:
            return self._builder.inward([rule], plainly=True)(record)
        except FAILURES as error:
            raise RecordFailed(self._inward.faults(record, only=field)) from error

    def children(self, record: Any) -> dict[str, list[Child]]:
        """The records inside the record, by the name of their list; an absent list is left out."""
        found: dict[str, list[Child]] = {}
        faults: list[Fault] = []
        for part in self._parts:
            listed = part.read(record, faults)
            if listed is not None:
                found[part.name] = listed
        if faults:
            raise RecordFailed(faults, self._called(record))
        return found

    def outward(
        self, values: AnyMapping[str, Any], refs: AnyMapping[tuple[str, str], str]
    ) -> dict[str, Any]:
        """What to send for these values of ours; only what is given is written, null as null.

        `refs` gives their id for each (stream, sys_id) that a reference among the values needs.
        An entry of `out:` is written when all the fields that it reads are given.
        """
        try:
            return self._outward(values, refs)
        except FAILURES as error:
            faults = list(self._outward_faults(values, refs))
            raise RecordFailed(faults or [whole(self.file, error)]) from error

    def key(self, record: Any) -> str:
        """What they call the record; never empty."""
        return self._part_of_head("key", key_text, record)

    def version(self, record: Any) -> str:
        """A text that sorts by age; empty if they have no such thing."""
        return self._part_of_head("version", version_text, record)

    def deleted(self, record: Any) -> bool:
        """Whether the record says of itself that it is gone."""
        return bool(self._access("deleted", record))

    def applies(self, record: Any) -> bool:
        """Whether `when` holds, absent paths read as null; always, without one."""
        return "when" not in self._accessors or bool(self._access("when", record))

    def may_match(self, rule: int, record: Any) -> bool:
        """Whether the `when` of a match rule, by its number, holds; not so if it cannot be told."""
        holds = self._matching[rule]
        try:
            return holds is None or bool(holds(record))
        except FAILURES:
            return False

    def known_by(self, rule: int, record: Any) -> list[str]:
        """The values by which a match rule finds other records; none if they cannot be told."""
        read = self._through[rule]
        try:
            found = None if read is None else read(record)
        except FAILURES:
            return []
        told = found if isinstance(found, list | tuple) else [found]
        said = [str(value).strip() for value in told if value.__class__ in {str, int}]
        return list(dict.fromkeys(value for value in said if value))[:MOST_KNOWN_BY]

    def place(self, field: str) -> str:
        """`file:line` of a field."""
        rule = self._rules.get(field)
        return rule.place if rule else self.file

    def place_of_deletion(self, field: str) -> str:
        """`file:line` of what a field is set to when theirs is deleted."""
        return self.declaration.on_delete.places.get(field) or self.place(field)

    def owner_of(self, field: str) -> str:
        rule = self._rules.get(field)
        return (rule.owner if rule else "") or self.owner

    def heads(self, raws: Sequence[Raw]) -> list[Head | RecordFailed]:
        """`key`, `version` and `deleted` of each record of a page, in order.

        A record is one JSON value each, as `split` gives them. One that cannot be read costs only
        itself: it is given as a `RecordFailed` with all its faults, which is not raised.
        """
        return pages.each([(loop, raws) for loop in self._heads], raws, self._head)

    def rows(
        self, raws: Sequence[Raw], heads: Sequence[Head | RecordFailed | None] = ()
    ) -> list[tuple[Any, ...] | RecordFailed | None]:
        """`applies` and `inward` of each record of a page, in order, without a dict per record.

        A row has the values of `columns`, ABSENT for a field that `inward` leaves out. None stands
        for a record that `when` leaves out, a `RecordFailed` with all its faults for one that
        cannot be read. With the `heads` that `open` has given for the records, those are not
        decoded a second time.
        """
        strictly, leniently = self._rows
        first: tuple[Loop, Sequence[Any]] = (strictly, raws)
        if self._page and {*map(type, heads)} == {self._page.struct}:
            first = (self._page.rows, heads)
        return pages.each([first, (leniently, raws)], raws, self._row)

    def open(self, body: bytes, at: str) -> tuple[Sequence[Raw], Sequence[Head | RecordFailed]]:
        """`split` and `heads` of a page, for `rows`; raises as `split` does.

        Where all records are as expected, the page is decoded once for its heads and rows, and
        split when somebody asks for a record's bytes.
        """
        heads = pages.decoded(body, at, self._page.struct) if self._page else None
        if heads is not None:
            return pages.Unsplit(body, at, len(heads)), heads
        raws = pages.split(body, at)
        return raws, self.heads(raws)

    @cached_property
    def _heads(self) -> list[Loop]:
        accessors = self.declaration.accessors
        return [self._builder.heads(accessors, strict=strict) for strict in (True, False)]

    @cached_property
    def _page(self) -> PageReader | None:
        declared = self.declaration
        accessors = declared.accessors
        return self._builder.page(accessors, declared.rules, accessors.get("when"))

    @cached_property
    def _rows(self) -> list[Loop]:
        rules, when = self.declaration.rules, self.declaration.accessors.get("when")
        return [self._builder.rows(rules, when, strict=strict) for strict in (True, False)]

    def _as_it_is(self, record: Any) -> dict[str, Any]:
        """`inward` of a record that has not the form that the fields expect."""
        try:
            return self._inward.otherwise(record)
        except FAILURES as error:
            faults = self._inward.faults(record)
            raise RecordFailed(faults or [whole(self.file, error)], self._called(record)) from error

    def _head(self, raw: Raw) -> Head | RecordFailed:
        """The head of a record that the quick way cannot read, or what is wrong with it."""
        try:
            record = pages.parsed(raw)
        except ValueError as error:
            return self._no_json(error)
        found: list[Any] = []
        faults: list[Fault] = []
        for read in (self.key, self.version, self.deleted):
            try:
                found.append(read(record))
            except RecordFailed as error:
                faults += error.faults
        return RecordFailed(faults, self._called(record)) if faults else BareHead(*found)

    def _row(self, raw: Raw) -> tuple[Any, ...] | RecordFailed | None:
        """The row of a record that the quick way cannot read, or what is wrong with it."""
        try:
            record = pages.parsed(raw)
        except ValueError as error:
            return self._no_json(error)
        faults: list[Fault] = []
        try:
            if not self.applies(record):
                return None
        except RecordFailed as error:
            faults += error.faults
        try:
            read = self.inward(record)
        except RecordFailed as error:
            faults += error.faults
            read = {}
        if faults:
            return RecordFailed(faults, self._called(record))
        return tuple(read.get(column, ABSENT) for column in self.columns)

    def _no_json(self, error: Exception) -> RecordFailed:
        return RecordFailed([whole(self.file, Failure(f"the record is no JSON: {error}"))])

    def _part_of_head(self, word: str, form: Callable[[Any], str], record: Any) -> str:
        value = self._access(word, record)
        try:
            return form(value)
        except Failure as failure:
            raise RecordFailed([self._fault_of(word, record, failure)]) from failure

    def _access(self, word: str, record: Any) -> Any:
        accessor = self._accessors.get(word)
        if accessor is None:
            return None
        try:
            value = accessor(record)
        except FAILURES as error:
            raise RecordFailed([self._fault_of(word, record, error)]) from error
        return None if value is ABSENT else value

    def _fault_of(self, word: str, record: Any, error: Exception) -> Fault:
        declared = self.declaration
        value = values_at(declared.accessors[word], record)
        return Fault(declared.places[word], word, declared.texts[word], value, reason(error))

    def _called(self, record: Any) -> str:
        try:
            return self.key(record)
        except RecordFailed:
            return ""

    def _outward_faults(self, values: AnyMapping[str, Any], refs: Any) -> Iterable[Fault]:
        """The fields that cannot be written: each tried alone."""
        for rule in self._rules.values():
            try:
                self._builder.outward([rule])(values, refs)
            except FAILURES as error:
                value = shortened(values.get(rule.field.name))
                text = way_back(rule)
                yield Fault(rule.place, rule.field.name, text, value, reason(error))


class _CompiledPart:
    """A list of children: what finds it, and what reads one item of it."""

    def __init__(self, part: Part, builder: Builder, tables: AnyMapping[str, Any]) -> None:
        self.name = part.name
        self.part = part
        self.each = evaluator(part.each, tables)
        self.key = evaluator(part.key, tables)
        self.inward = Inward(builder, part.rules, part.place)

    def read(self, record: Any, faults: list[Fault]) -> list[Child] | None:
        """The children, with the faults of all of them added; None if the list is absent."""
        try:
            found = self.each(record)
            if found is ABSENT:
                return None
            listed = () if found is None else items(found)
        except FAILURES as error:
            faults.append(self._fault("each", self.part.each, record, error, ""))
            return None
        return [c for i, item in enumerate(listed) if (c := self._child(i, item, faults))]

    def _child(self, index: int, item: Any, faults: list[Fault]) -> Child | None:
        try:
            if not isinstance(item, dict):
                raise Failure(f"an object was expected, not {shortened(item)}")
            key = key_text(self.key(item))
        except FAILURES as error:
            faults.append(self._fault("key", self.part.key, item, error, f"[{index}]"))
            return None
        try:
            return Child(key, self.inward.read(item))
        except FAILURES as error:
            where = f"{self.name}[{index}]."
            found = self.inward.faults(item, where)
            faults += found or [whole(self.part.place, error)]
            return None

    def _fault(
        self, word: str, tree: Expression, record: Any, error: Exception, index: str
    ) -> Fault:
        value = values_at(tree, record)
        name = f"{self.name}{index}.{word}"
        return Fault(self.part.place, name, self.part.texts[word], value, reason(error))


def way_back(rule: Rule) -> str:
    """How a field is written, as people read it; empty if it is not."""
    if rule.inverse:
        return rule.inverse.text.replace("value", rule.field.name, 1)
    return "; ".join(f"{written(out.target)} = {out.text}" for out in rule.outs)


def _written_fields(rules: Iterable[Rule]) -> Iterable[str]:
    for rule in rules:
        if rule.inverse:
            yield rule.field.name
        for out in rule.outs:
            yield from (str(path.steps[0]) for path in record_paths(out.value))


def _ref_streams(rules: Iterable[Rule]) -> dict[str, str]:
    found = {}
    for rule in rules:
        for pipe in rule.inverse.pipes if rule.inverse else ():
            if pipe.name == "ref":
                found[rule.field.name] = str(pipe.arguments[0])
        for out in rule.outs:
            match out.value:
                case Pipe(name="ref", arguments=(stream, *_), source=source):
                    for path in record_paths(source):
                        found[str(path.steps[0])] = str(stream)
                case _:
                    continue
    return found
