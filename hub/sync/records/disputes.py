"""What both sides changed: whose value stays, and what is kept of the other's.

Nothing is asked for before a field is contested; then it is asked for once, for the whole page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from hub.store import audit, conflicts
from hub.store.audit import Setting
from hub.store.conflicts import Conflict, Stayed
from hub.store.database import Transaction
from hub.store.records import Row
from hub.sync.connection import Connections
from hub.sync.records.merge import Claims, Merged, merge, plain
from hub.sync.records.patch import Origin, Patch

OUR_RANK = 100
"""Of what people, programs and rules write in the hub itself."""
WEIGHED = frozenset({"newest", "rank"})
"""Owners that want to know who has set our value, and when."""

Of = tuple[str, str, str]


@dataclass(slots=True)
class Disputes:
    """The contested fields of one call of `amend`.

    `rows` are the records as they are so far, `known` the conflicts that are open of them; both
    by sys_id.
    """

    tx: Transaction
    connections: Connections
    origin: Origin
    now: datetime
    patches: Sequence[Patch]
    rows: Mapping[str, Row]
    known: Mapping[str, Sequence[Conflict]]
    _last: Mapping[tuple[str, str], Setting] | None = None
    _told: dict[str, dict[Of, Conflict]] = field(default_factory=dict[str, dict[Of, Conflict]])

    def merged(self, patch: Patch, values: Mapping[str, Any], before: Row) -> Merged:
        """What of these values of theirs becomes of the record."""
        claims = Claims(
            newer=lambda name: self._is_newer(patch, name, before),
            outranks=lambda name: self._outranks(patch, name, before),
        )
        return merge(values, by_field(before), patch.base, patch.owner_of, claims)

    def note(self, patch: Patch, merged: Merged, after: Row, changed: Iterable[str]) -> None:
        """Keep what was contested, and see what a change means for what is open."""
        if not merged.kept and not merged.overruled and patch.sys_id not in self.known:
            return
        ours, known = by_field(after), self._open(patch.sys_id)
        told: dict[Of, Conflict] = {}
        for name, theirs in merged.kept.items():
            stayed: Stayed = "both" if patch.owner_of(name) == "manual" else "ours"
            one = self._contest(patch, name, ours.get(name), theirs, stayed)
            told[one.of] = one
        for name, mine in merged.overruled.items():
            one = self._contest(patch, name, mine, ours.get(name), "theirs")
            told[one.of] = one
        for of in known.keys() - told.keys():
            told[of] = self._looked_at(patch, known[of], ours, changed)
        self._told.setdefault(patch.sys_id, {}).update(told)

    def save(self) -> None:
        """One statement; none if nothing was contested."""
        told = [one for those in self._told.values() for one in those.values()]
        known = {one.id: one for those in self.known.values() for one in those}
        conflicts.save(self.tx, [one for one in told if known.get(one.id) != one])

    def _open(self, sys_id: str) -> dict[Of, Conflict]:
        """What is open of a record, as far as this call has come."""
        those = {one.of: one for one in self.known.get(sys_id, ())} | self._told.get(sys_id, {})
        return {of: one for of, one in those.items() if one.open}

    def _contest(self, patch: Patch, name: str, ours: Any, theirs: Any, stayed: Stayed) -> Conflict:
        """What is kept; it goes on where it is open already."""
        origin, at = self.origin, self.now.timestamp()
        known = self._open(patch.sys_id).get((origin.connection, patch.external_id, name))
        base = known.base if known else (patch.base or {}).get(name)
        one = Conflict(
            origin.connection, origin.stream, patch.external_id, patch.entity.table.name,
            patch.sys_id, name, base, plain(ours), plain(theirs), stayed, patch.owner_of(name),
            patch.place_of(name) if patch.place_of else "", patch.version, origin.job,
            found_at=known.found_at if known else at, id=known.id if known else 0,
        )  # fmt: skip
        return one.resolved("policy", by=origin.user, at=at) if stayed == "theirs" else one

    def _looked_at(
        self, patch: Patch, one: Conflict, ours: Mapping[str, Any], changed: Iterable[str]
    ) -> Conflict:
        """An open conflict after a change that need not concern it."""
        here = (one.connection, one.external_id) == (self.origin.connection, patch.external_id)
        theirs = plain(patch.values.get(one.field, one.theirs)) if here else one.theirs
        mine = plain(ours.get(one.field))
        if mine == theirs:
            return one.resolved("agreed", by=self.origin.user, at=self.now.timestamp())
        return replace(one, ours=mine) if one.field in changed else one

    def _is_newer(self, patch: Patch, name: str, before: Row) -> bool:
        """Whether they changed it after we did. Within the tolerance, the higher rank did."""
        theirs = moment_of(patch.version)
        if theirs is None:
            return True
        setting = self._setting(patch, name)
        ours = before["sys_updated_on"] if setting is None else _set_at(setting)
        mine = self._rank_of(setting)
        if abs(theirs - ours) <= self._skew() and self._rank() != mine:
            return self._rank() > mine
        return bool(theirs >= ours)

    def _outranks(self, patch: Patch, name: str, before: Row) -> bool:
        """Whether they may overrule who has set our value; of equals the newer one may."""
        setting = self._setting(patch, name)
        if setting is None or setting.source == self.origin.connection:
            return True
        mine = self._rank_of(setting)
        return self._rank() > mine or (self._rank() == mine and self._is_newer(patch, name, before))

    def _rank(self) -> int:
        connection = self.connections.get(self.origin.connection)
        return connection.rank if connection else 0

    def _rank_of(self, setting: Setting | None) -> int:
        if setting is None or not setting.source:
            return OUR_RANK
        connection = self.connections.get(setting.source)
        return connection.rank if connection else 0

    def _skew(self) -> timedelta:
        connection = self.connections.get(self.origin.connection)
        return connection.skew if connection else timedelta()

    def _setting(self, patch: Patch, name: str) -> Setting | None:
        """Who has set our value, and when; None if nobody can tell."""
        if self._last is None:
            self._last = audit.last_set(self.tx, self._weighed())
        setting = self._last.get((patch.sys_id, name))
        if setting is None or not setting.whole or not setting.source:
            return setting
        return setting if self._speaks_of(setting.source, patch, name) else None

    def _speaks_of(self, connection: str, patch: Patch, name: str) -> bool:
        """Whether a connection that created the record can have said anything of the field."""
        mappings = self.connections[connection].mappings if connection in self.connections else {}
        table = patch.entity.table.name
        return any(
            name in mapping.reads
            for those in mappings.values()
            for mapping in those
            if mapping.table == table
        )

    def _weighed(self) -> Iterator[tuple[str, str, str]]:
        """(table, sys_id, field) of all that may have to be weighed in this page."""
        for patch in self.patches:
            before = self.rows.get(patch.sys_id)
            if before is not None and patch.replicates:
                ours = by_field(before)
                for name, value in patch.values.items():
                    if value != ours.get(name) and patch.owner_of(name) in WEIGHED:
                        yield patch.entity.table.name, patch.sys_id, name


def by_field(row: Row) -> Mapping[str, Any]:
    """A row with its custom fields among the others."""
    return row | (row.get("hub_custom") or {})


def moment_of(version: str) -> datetime | None:
    """Their clock at this version, if it is a timestamp with an offset."""
    try:
        moment = datetime.fromisoformat(version)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _set_at(setting: Setting) -> datetime:
    """When our value was set: by the clock of who set it, if that is earlier than we heard of it."""
    told = moment_of(setting.version) if setting.source else None
    return min(told, setting.at) if told else setting.at
