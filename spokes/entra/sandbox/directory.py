"""What the tenant's directory holds, and every commit that made it so.

live ──delete──▶ in the bin ("changed") ──purge, or 30 days──▶ gone ("deleted")
  ▲                  │
  └─────restore──────┘
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from hub.testing import BadCommand
from spokes.entra.sandbox.schema import KINDS, USERS, Kind, checked, filled

BIN = "changed"
GONE = "deleted"
FIRST_ID = 0x5B1D0000_0000_4000_8000_000000000001


@dataclass(frozen=True, slots=True)
class Commit:
    """An object as it was from then on.

    `at` is its place in the order of changes, `seen` when the API began to show it. `names` are
    the properties that changed; all of them where `whole`.
    """

    number: int
    kind: Kind
    id: str
    at: datetime
    seen: datetime
    values: Mapping[str, Any]
    members: Mapping[str, str]
    removed: str = ""
    names: frozenset[str] = frozenset()
    whole: bool = False
    joined: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()


@dataclass(slots=True)
class Directory:
    """All objects by id; `told` is called with each commit."""

    now: Callable[[], datetime]
    told: Callable[[Commit], None]
    commits: list[Commit] = field(default_factory=list[Commit])
    _history: dict[str, list[Commit]] = field(default_factory=dict[str, list[Commit]])
    _of_kind: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    _taken: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    """Which object has a value that no two of its kind may have."""
    _were_in: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    _made: int = 0
    rounds: dict[str, tuple[Any, list[Any]]] = field(default_factory=dict[str, Any])
    """The round that change tracking showed last, by kind: commits never change."""

    # -- looking

    def live(self, kind: Kind, as_of: datetime | None = None) -> Iterator[Commit]:
        """The objects that are there, oldest first."""
        for id in self._of_kind.get(kind.name, ()):
            state = self.state(id, as_of)
            if state and not state.removed:
                yield state

    def state(self, id: str, as_of: datetime | None = None) -> Commit | None:
        """An object as it is now, or was; None if there was none."""
        history = self._history.get(id.lower(), [])
        if as_of is None:
            return history[-1] if history else None
        return next((one for one in reversed(history) if one.seen <= as_of), None)

    def find(self, kind: str, id: object) -> Commit:
        """Raises `BadCommand` if there is no such object."""
        state = self.state(str(id))
        if state is None or state.kind is not known(kind) or state.removed:
            raise BadCommand(f"no {id} among the {kind}")
        return state

    # -- changing

    def new_id(self) -> str:
        self._made += 1
        return str(UUID(int=FIRST_ID + self._made))

    def create(self, kind: Kind, data: Mapping[str, Any], *, id: str, at: datetime) -> str:
        if self.state(id) is not None:
            raise BadCommand(f"{id} is there, or was, already")
        values = filled(kind, data, at.strftime("%Y-%m-%dT%H:%M:%SZ"))
        self._check_unique(kind, values, id)
        self._commit(kind, id.lower(), at, values, {}, whole=True)
        return id.lower()

    def update(self, state: Commit, data: Mapping[str, Any], *, at: datetime) -> str:
        changes = checked(state.kind, data)
        names = {name for name, value in changes.items() if state.values[name] != value}
        values = {**state.values, **changes}
        self._check_unique(state.kind, values, state.id)
        if names:
            self._commit(
                state.kind, state.id, at, values, state.members, names=frozenset(names)
            )  # fmt: skip
        return state.id

    def remove(self, state: Commit, *, at: datetime) -> str:
        """Put an object into the bin; it leaves its groups until it is restored."""
        groups = [one.id for one in self.live(KINDS["groups"]) if state.id in one.members]
        self._were_in[state.id] = groups
        for id in groups:
            self.leave(self.find("groups", id), state.id, at=at)
        self._commit(state.kind, state.id, at, state.values, state.members, removed=BIN)
        return state.id

    def purge(self, id: str, *, at: datetime) -> str:
        state = self._in_bin(id)
        self._commit(state.kind, state.id, at, state.values, state.members, removed=GONE)
        return state.id

    def restore(self, id: str, *, at: datetime) -> str:
        state = self._in_bin(id)
        self._commit(state.kind, state.id, at, state.values, state.members, whole=True)
        for group in self._were_in.pop(state.id, []):
            there = self.state(group)
            if there and not there.removed:
                self.join(there, state.id, at=at)
        return state.id

    def join(self, group: Commit, member: str, *, at: datetime) -> str:
        state = self.state(member)
        if state is None or state.removed:
            raise BadCommand(f"nobody called {member} can be a member")
        members = {**group.members, state.id: state.kind.singular}
        if members != group.members:
            self._commit(
                group.kind, group.id, at, group.values, members, joined=frozenset({state.id})
            )  # fmt: skip
        return group.id

    def leave(self, group: Commit, member: str, *, at: datetime) -> str:
        if member not in group.members:
            raise BadCommand(f"{member} is no member of {group.id}")
        members = {id: kind for id, kind in group.members.items() if id != member}
        self._commit(group.kind, group.id, at, group.values, members, left=frozenset({member}))
        return group.id

    def _in_bin(self, id: str) -> Commit:
        state = self.state(id)
        if state is None or state.removed != BIN:
            raise BadCommand(f"{id} is not among the deleted items")
        return state

    def _check_unique(self, kind: Kind, values: Mapping[str, Any], id: str) -> None:
        mine = _unique(kind, values)
        if kind.unique and self._taken.get(mine, id.lower()) != id.lower():
            raise BadCommand(f"another object with the same value for {kind.unique}: {mine[1]}")

    def _commit(
        self, kind: Kind, id: str, at: datetime, values: Mapping[str, Any],
        members: Mapping[str, str], **more: Any,
    ) -> None:  # fmt: skip
        made = Commit(
            len(self.commits) + 1, kind, id, at, self.now(), dict(values), dict(members), **more
        )
        history = self._history.setdefault(id, [])
        if history:
            self._taken.pop(_unique(kind, history[-1].values), None)
        else:
            self._of_kind.setdefault(kind.name, []).append(id)
        if not made.removed:
            self._taken[_unique(kind, values)] = id
        self.commits.append(made)
        history.append(made)
        self.told(made)


def known(name: str) -> Kind:
    """The kind of a stream; raises `BadCommand`."""
    if name not in KINDS:
        raise BadCommand(f"no stream {name!r}: there are {', '.join(KINDS)}")
    return KINDS[name]


def _unique(kind: Kind, values: Mapping[str, Any]) -> tuple[str, str]:
    return kind.name, str(values.get(kind.unique)).lower() if kind.unique else ""


def title(kind: Kind) -> str:
    """As notifications name a collection and its type: `Users`, `User`."""
    return "User" if kind is USERS else "Group"
