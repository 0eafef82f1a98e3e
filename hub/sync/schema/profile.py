"""What is known of how a stream's records look, as one process has it in memory.

Decides what is news. A path that comes up once the stream is known is new, unless a mapping reads
it, which then expects it. It is changed when it has a kind that it never had; null is none. It is
gone when so many records in a row lack it that chance cannot be why.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf, log
from typing import Protocol

from hub.store.drift import LONGEST_PATH, Seen, State, parent_of
from hub.sync.schema.shapes import Shape

LEARNT = 200
"""Records after which a stream counts as known, if not ..."""
ENOUGH = 20
"""... its first run ended, which must have shown so many. Nothing is gone before so many lack it:
at three records a page those are seven pages, which no odd page in between makes up."""
UNLIKELY = 1e-9
"""A path that is in a share s of the records is missed by chance n times in a row with a
probability of (1 - s) ** n. It is gone when that is less than this: after 20 records for one that
was in two of three or more, after 404 for one in twenty. Sparse fields do not flap."""
COMMON = 0.5
"""Where no mapping reads it, a path that is in fewer of the records is not missed."""
MOST_PATHS = 500
"""Of a stream, beside those that a mapping reads."""


class Mapped(Protocol):
    """Tells which paths a mapping reads."""

    def maps(self, path: str) -> bool: ...


@dataclass(slots=True)
class Profile:
    """One stream. `fields` by path; `forgotten` are paths that are to be deleted.

    `mapped` are those that are read now, by what `reads` tells.
    """

    fields: dict[str, Seen] = field(default_factory=dict[str, Seen])
    dirty: set[str] = field(default_factory=set[str])
    forgotten: set[str] = field(default_factory=set[str])
    mapped: set[str] = field(default_factory=set[str])
    reads: Mapped | None = None
    loaded: bool = False
    uncounted: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def root(self) -> Seen:
        return self.fields[""]

    @property
    def learning(self) -> bool:
        root = self.fields.get("")
        return root is None or root.state == "new"

    @property
    def begins(self) -> bool:
        """Whether hardly anything is known yet."""
        return self.learning and (not self.fields or self.root.looked < LEARNT)

    @property
    def full(self) -> bool:
        return len(self.fields) >= MOST_PATHS

    def load(self, stored: Mapping[str, Seen]) -> None:
        """Take what is written, with what has been counted here since, and learnt."""
        before, self.fields = self.fields, dict(stored)
        for path, mine in before.items():
            known = self.fields.get(path)
            if known is not None:
                known.missing = mine.missing
                known.more_seen, known.more_looked = mine.more_seen, mine.more_looked
                known.seen += mine.more_seen
                known.looked += mine.more_looked
            elif mine.fresh:
                self.fields[path] = mine
        self.dirty &= self.fields.keys()
        self.loaded, self.reads = True, None

    def odd(self, shapes: Sequence[Shape], reads: Mapped) -> bool:
        """Whether there is, or may be, news in these."""
        if self.learning:
            return False
        return any(self._has_news(shape, reads) for shape in shapes) or self._may_lack(shapes)

    def _has_news(self, shape: Shape, reads: Mapped) -> bool:
        for path, kinds in shape.kinds.items():
            known = self.fields.get(path)
            if known is None:
                if self._admits(path, reads):
                    return True
            elif known.state == "gone" or not kinds <= known.kinds:
                return True
        return False

    def _may_lack(self, shapes: Sequence[Shape]) -> bool:
        last = shapes[-1] if shapes else None
        return last is not None and any(
            path not in last.kinds
            and one.state != "gone"
            and one.parent in last.inside
            and one.missing + len(shapes) >= ENOUGH
            and one.missing + len(shapes) >= patience(one)
            for path, one in self.fields.items()
        )

    def _admits(self, path: str, reads: Mapped) -> bool:
        """Whether a path is kept: the table is bounded, whatever they send."""
        if len(path) > LONGEST_PATH or "\x00" in path or not _encodes(path):
            return False
        return not self.full or reads.maps(path)

    def add(self, shapes: Iterable[Shape], reads: Mapped, now: float) -> None:
        """Count what these have and lack, and decide what is news."""
        if self.reads is not reads:
            self.reads, self.mapped = reads, {path for path in self.fields if reads.maps(path)}
        for shape in shapes:
            self.uncounted += 1
            for path in sorted(shape.kinds):  # a parent before what is below it
                known = self.fields.get(path)
                if known is not None:
                    self._again(known, shape.kinds[path], now)
                elif self._admits(path, reads):
                    self._first(path, shape.kinds[path], reads, now)
            lacking = [
                one for path, one in self.fields.items()
                if path not in shape.kinds and one.parent in shape.inside
            ]  # fmt: skip
            for one in lacking:
                self._lacks(one, now)

    def _first(self, path: str, kinds: set[str], reads: Mapped, now: float) -> None:
        parent = parent_of(path, self.fields)
        mapped = reads.maps(path)
        if mapped:
            self.mapped.add(path)
        quiet = self.learning or mapped or self._told_above(parent)
        self.fields[path] = Seen(
            path, set(kinds), set(kinds), "known" if quiet and path else "new", now, now, now,
            mapped, 1, 1, 0, parent, 1, 1, fresh=True,
        )  # fmt: skip

    def _told_above(self, path: str) -> bool:
        """Whether a path is, or is part of, something that is told of."""
        while path and (one := self.fields.get(path)):
            if one.state in {"new", "changed"}:
                return True
            path = one.parent
        return False

    def _again(self, known: Seen, kinds: set[str], now: float) -> None:
        known.seen += 1
        known.looked += 1
        known.more_seen += 1
        known.more_looked += 1
        known.missing = 0
        known.last_seen = now
        known.mapped = known.path in self.mapped
        if known.state == "gone":
            self._becomes(known, "known", now)
        if kinds <= known.kinds:
            return
        real = kinds - known.kinds - {"null"}
        known.kinds |= kinds
        self.dirty.add(known.path)
        if real and known.was - {"null"} and known.state != "new" and not self.learning:
            self._becomes(known, "changed", now)
            known.was |= kinds & {"null"}
        elif known.state != "changed":
            known.was |= kinds

    def _lacks(self, one: Seen, now: float) -> None:
        one.looked += 1
        one.more_looked += 1
        one.missing += 1
        if one.state == "gone" or one.missing < ENOUGH or one.missing < patience(one):
            return
        if one.state == "new" or (one.mapped and one.path not in self.mapped):
            self._forget(one.path)  # it came and went; or we do not ask for it any more
        elif not self.learning:
            self._becomes(one, "gone", now)

    def _forget(self, path: str) -> None:
        self.forgotten.add(path)
        for name in [name for name in self.fields if f"{name}.".startswith(f"{path}.")]:
            del self.fields[name]
            self.dirty.discard(name)

    def _becomes(self, one: Seen, state: State, now: float) -> None:
        if one.state != state:
            one.state = state
            one.since = now
            self.dirty.add(one.path)

    def learnt(self) -> None:
        """The stream is known now: what comes up from here on is new."""
        self.root.state = "known"
        self.dirty.add("")

    def altered(self) -> list[Seen]:
        """What is not written yet, or otherwise."""
        return [one for path, one in self.fields.items() if one.fresh or path in self.dirty]

    def counted(self) -> list[Seen]:
        """What else was counted since it was written."""
        return [
            one for path, one in self.fields.items()
            if one.more_looked and not (one.fresh or path in self.dirty)
        ]  # fmt: skip

    def written(self) -> None:
        """All is in the database."""
        self.fields = {
            path: replace(one, fresh=False, more_seen=0, more_looked=0)
            for path, one in self.fields.items()
        }
        self.dirty.clear()
        self.forgotten.clear()
        self.uncounted = 0


def patience(one: Seen) -> float:
    """How many records in a row may lack a path by chance."""
    before = one.looked - one.missing
    share = one.seen / before if before > 0 else 0.0
    if not one.seen or (not one.mapped and share < COMMON):
        return inf
    return max(ENOUGH, log(UNLIKELY) / log(1 - share)) if share < 1 else ENOUGH


def _encodes(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
