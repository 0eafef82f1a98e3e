"""A drafted mapping tried on the records that it was made from, and given examples of them.

A line that cannot read every record loses its pipe, or goes; one whose way back is no inverse
becomes inward only.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path as File
from typing import Any

from hub.kit import observed
from hub.kit.draft import flow, mapping_text
from hub.kit.guess import Line
from hub.kit.observed import Path
from hub.kit.scrub import Scrubber
from hub.mapping import BadMapping, RecordFailed, Ref, check_examples, load
from hub.mapping import Mapping as FieldMapping
from hub.store import audit, entities

TRIES = 12


class Nothing(Exception):
    """No mapping can be proposed; the message says why, and what to do."""


@dataclass(slots=True)
class Tried:
    """Lines that are tried on the records, and left out or made inward only where they fail."""

    stream: str
    records: Sequence[Any]
    lines: list[Line]
    head: list[str]
    key: Path
    children: list[str]
    dropped: list[str] = field(default_factory=list[str])

    def text(self) -> str:
        """The file, once every line reads every record and all its examples hold."""
        for _ in range(TRIES):
            mapping = self._loaded(self._written(()))
            if mapping is not None and not self._mended(mapping):
                text = self._written(self._examples(mapping))
                with_examples = self._loaded(text)
                if with_examples is None or not self._made_inward(check_examples(with_examples)):
                    return text
        raise Nothing(f"{self.stream}: no mapping was found that reads its own records")

    def _written(self, examples: Iterable[str]) -> str:
        return mapping_text(self.head, self.lines, examples, more=self.children)

    def _loaded(self, text: str) -> FieldMapping | None:
        """The mapping; None if lines had to go, which then are gone."""
        with tempfile.TemporaryDirectory() as folder:
            file = File(folder) / "draft.yaml"
            file.write_text(text, encoding="utf-8")
            try:
                [mapping] = load(
                    file, shape_of=lambda name: entities.find(name).shape, shown_as="draft.yaml"
                )
            except BadMapping as error:
                self._drop(error.faults)
                return None
        return mapping

    def _drop(self, faults: Sequence[str]) -> None:
        """Leave out the lines that the faults name; raise where they name none."""
        named = {fault.split(": ")[1].removeprefix("fields.") for fault in faults if ": " in fault}
        wrong = [line for line in self.lines if line.ours in named]
        if any(fault.split(": ")[1].startswith("children") for fault in faults if ": " in fault):
            self.children = []
            return
        if not wrong:
            raise Nothing(f"no mapping can be made of {self.stream}: {faults[0]}")
        self.lines = [line for line in self.lines if line not in wrong]
        self.dropped += [f"{line.ours}: {line.expression} cannot be mapped" for line in wrong]

    def _mended(self, mapping: FieldMapping) -> bool:
        """Whether lines that cannot read some record had to be changed."""
        failing: set[str] = set()
        for record in self.records:
            try:
                mapping.inward(record)
            except RecordFailed as error:
                failing |= {fault.field for fault in error.faults}
        if self.children and not self._reads_children(mapping):
            self.children = []
            self.dropped.append("the records inside were not all readable: no children")
            return True
        if not failing:
            return False
        tried = [self._weaker(line) if line.ours in failing else line for line in self.lines]
        self.lines = [line for line in tried if line is not None]
        return True

    def _reads_children(self, mapping: FieldMapping) -> bool:
        try:
            for record in self.records:
                mapping.children(record)
        except RecordFailed:
            return False
        return True

    def _weaker(self, line: Line) -> Line | None:
        """The line without its last pipe; None if it has none."""
        before, pipe, last = line.expression.rpartition(" | ")
        if not pipe or line.table or last == "string":
            self.dropped.append(f"{line.ours}: {line.expression} does not read every record")
            return None
        return replace(line, expression=before, doubt=f"? not every one is as `{last}` wants it")

    def _made_inward(self, faults: Sequence[str]) -> bool:
        """Whether lines whose way back is no inverse had to become inward only."""
        if not faults:
            return False
        named = {
            line.ours for line in self.lines if any(f": {line.ours}: " in one for one in faults)
        }
        if not named:
            raise Nothing(f"the examples do not hold: {faults[0]}")
        changed = [line for line in self.lines if line.ours in named and line.inward]
        self.lines = [
            replace(line, inward=True) if line.ours in named else line
            for line in self.lines
            if line not in changed
        ]
        self.dropped += [f"{line.ours}: {line.expression} is no good" for line in changed]
        return True

    # -- examples

    def _examples(self, mapping: FieldMapping) -> Iterator[str]:
        """A record as it is, without secrets and people; one with a key alone; one of nulls."""
        paths = [line.theirs.steps for line in self.lines]
        full = self._clean(observed.fullest(self.records, paths), paths)
        key = observed.only(full, [self.key])
        nulls = json.loads(json.dumps(key))
        for line in self.lines:
            if len(line.theirs.steps) == 1 and line.theirs.steps[0] not in nulls:
                nulls[line.theirs.steps[0]] = None
        yield "examples:"
        for name, given in (
            ("a record as they send it", full), ("what is missing is left alone", key),
            ("what is null is emptied", nulls),
        ):  # fmt: skip
            want, refs = _want(mapping, given)
            yield f"  - name: {name}"
            yield f"    given: {flow(given)}"
            if refs:
                yield f"    refs:  {flow(refs)}"
            yield f"    want:  {flow(want)}"

    def _clean(self, record: Mapping[str, Any], paths: Sequence[Path]) -> dict[str, Any]:
        """What of a record the lines read, with pseudonyms; what picklists say stays."""
        scrubber = Scrubber({})
        for one in self.records:
            scrubber.learn(one)
        heads = [self.key]
        kept = observed.only(record, [*heads, *paths])
        clean: dict[str, Any] = scrubber.record(kept)
        for line in self.lines:
            value = observed.at(kept, line.theirs.steps)
            if line.table and value is not None:
                observed.put(clean, line.theirs.steps, value)
        return clean


def _want(mapping: FieldMapping, given: Any) -> tuple[dict[str, Any], dict[str, dict[str, str]]]:
    """What a record becomes, as examples say it, and the links that it takes."""
    want: dict[str, Any] = {}
    refs: dict[str, dict[str, str]] = {}
    for name, value in mapping.inward(given).items():
        field = mapping.declaration.shape.fields.get(name)
        if isinstance(value, Ref):
            ours = f"{value.stream.lower()}-1"
            refs.setdefault(value.stream, {})[value.id] = ours
            want[name] = ours
        elif field is not None and field.kind == "choice" and value is not None:
            want[name] = next((n for n, code in field.choices.items() if code == value), value)
        elif value is None or isinstance(value, bool | int | float | str):
            want[name] = value
        else:
            want[name] = _spelled(value)
    return want, refs


def _spelled(value: Any) -> str:
    moment = getattr(value, "isoformat", None)
    return str(moment()) if moment else str(audit.spelled(value))
