"""What is measured and what is promised: benches, their sides, and the goals over them.

Bench ── sides, which take turns, round after round ──▶ figures of each section of each side
  └───── goals, each a value of one round; its median over the rounds is what counts
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal, NamedTuple

Figures = Mapping[str, float]
"""Of one section of a run: records, wall_s, cpu_s (with the server's), peak_mb, and more."""
Sections = Mapping[str, Figures]
Round = Mapping[str, Sections]
"""What each side of a bench gave, by the side's name."""

By = Literal["cpu", "wall"]
Backend = Literal["sqlite", "postgresql"]
BACKENDS: tuple[Backend, ...] = ("sqlite", "postgresql")


class Size(Enum):
    """How much is measured. What `TINY` gives are no figures: it shows that the benches run."""

    FULL = 0
    QUICK = 1
    TINY = 2

    def of(self, full: int, quick: int, tiny: int) -> int:
        """The amount for this size."""
        return (full, quick, tiny)[self.value]


class At(NamedTuple):
    """A section of a side: where a figure is taken from."""

    side: str
    section: str


@dataclass(frozen=True, slots=True)
class Side:
    """A run in a process of its own: `run` names its function, `module:function`.

    `database` is what it gets an empty one of. `needs` are modules of peers that may be missing.
    """

    run: str
    database: Backend | None = None
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Faster:
    """How many times as fast ours is as theirs; for several pairs, the worst of them.

    `by` is the clock that counts: the processor's, which other load on the machine disturbs
    little, or the wall's, where waiting is part of what is measured.
    """

    pairs: Sequence[tuple[At, At]]
    by: By = "cpu"

    def value(self, of: Round) -> float:
        return self._by(of, self.by)

    def other(self, of: Round) -> float:
        """The same by the other clock."""
        return self._by(of, "wall" if self.by == "cpu" else "cpu")

    def sides(self) -> set[str]:
        return {at.side for pair in self.pairs for at in pair}

    def _by(self, of: Round, clock: By) -> float:
        return min(speed(of, ours, clock) / speed(of, theirs, clock) for ours, theirs in self.pairs)


@dataclass(frozen=True, slots=True)
class Growth:
    """One figure over another, the worst (largest) of several pairs: costs, memory."""

    figure: str
    pairs: Sequence[tuple[At, At]]

    def value(self, of: Round) -> float:
        return max(
            of[more.side][more.section][self.figure] / of[less.side][less.section][self.figure]
            for more, less in self.pairs
        )

    def sides(self) -> set[str]:
        return {at.side for pair in self.pairs for at in pair}


@dataclass(frozen=True, slots=True)
class Worst:
    """A figure as it is, the largest of several places."""

    figure: str
    places: Sequence[At]

    def value(self, of: Round) -> float:
        return max(of[at.side][at.section][self.figure] for at in self.places)

    def sides(self) -> set[str]:
        return {at.side for at in self.places}


def speed(of: Round, at: At, clock: By) -> float:
    """Records a second of that clock."""
    figures = of[at.side][at.section]
    return figures["records"] / figures[f"{clock}_s"]


@dataclass(frozen=True, slots=True)
class Goal:
    """A key of the report: its value, and what we promise of it."""

    key: str
    what: Faster | Growth | Worst
    at_least: float | None = None
    at_most: float | None = None

    def met(self, value: float) -> bool:
        if self.at_least is not None:
            return value >= self.at_least
        return self.at_most is None or value <= self.at_most

    def bound(self) -> str:
        return f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}"


@dataclass(frozen=True, slots=True)
class Bench:
    """Sides that alternate for some rounds, and the goals that are read off them."""

    name: str
    sides: Mapping[str, Side]
    goals: Sequence[Goal]
    rounds: int = 1


def median(goal: Goal, rounds: Sequence[Round]) -> float:
    """The goal's value: the median over the rounds, each of which compares neighbours in time."""
    return statistics.median(goal.what.value(one) for one in rounds)


def by_other_clock(goal: Goal, rounds: Sequence[Round]) -> float | None:
    """The same by the clock that does not count, for the reader to judge."""
    if not isinstance(goal.what, Faster):
        return None
    return statistics.median(goal.what.other(one) for one in rounds)
