"""Every owner in every situation: what each side says once all is in step, and what is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub.store import conflicts
from hub.sync.jobs import Poll
from hub.sync.records.disputes import by_field
from tests.sync.elsewhere import there
from tests.sync.world import World, altered, connected

CASES = Poll("crm", "cases")
OWNERS = ("theirs", "ours", "newest", "rank", "if_empty", "manual")
FIELDS = {"Subject": "short_description", "Region": "u_region"}  # a field, and a custom one
LEFT, GONE = object(), object()
"""A side leaves the field alone, or does not so much as mention it."""
O_STAYS, T_STAYS, WAITS, NOBODY = "agreed", "policy", "open", "none"

# Ours is the later change, and what people write here ranks higher than crm.
DIFFERENT = {
    "theirs": T_STAYS, "ours": O_STAYS, "newest": O_STAYS, "rank": O_STAYS,
    "if_empty": O_STAYS, "manual": WAITS,
}  # fmt: skip
SITUATIONS: dict[str, tuple[Any, Any, dict[str, str]]] = {
    "only they changed it": ("T", LEFT, dict.fromkeys(OWNERS, NOBODY)),
    "they emptied it": (None, LEFT, dict.fromkeys(OWNERS, NOBODY)),
    "only we changed it": (LEFT, "O", dict.fromkeys(OWNERS, NOBODY)),
    "we emptied it": (LEFT, None, dict.fromkeys(OWNERS, NOBODY)),
    "both, to the same": ("S", "S", dict.fromkeys(OWNERS, NOBODY)),
    "both, to another": ("T", "O", DIFFERENT),
    "both, and they emptied it": (None, "O", DIFFERENT),
    "both, and we emptied it": ("T", None, DIFFERENT | {"ours": T_STAYS, "if_empty": T_STAYS}),
    "we changed it, they do not mention it": (GONE, "O", dict.fromkeys(OWNERS, NOBODY)),
}


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("owner", OWNERS)
def test_every_owner_in_every_situation(
    world: World, tmp_path: Path, owner: str, situation: str, field: str
) -> None:
    mapping = altered(tmp_path, "cases", "stamp: Hub_Id\n", f"stamp: Hub_Id\nowner: {owner}\n")
    world.connect(connected(cases=mapping))
    system = world.system()
    system.set("cases", "c1", Subject="Till", Region="Till", Description="Black")
    world.run(CASES)
    said, wished, fates = SITUATIONS[situation]
    if wished is not LEFT:
        world.edit("case", world.sys_id("case", "c1"), **{FIELDS[field]: wished})
    if said is GONE:
        world.absorb(there("cases", "c1", 1, Description="Black"))
    elif said is not LEFT:
        system.set("cases", "c1", **{field: said})
        world.absorb(system.changes[-1])
    for _ in range(2):
        world.work()
        world.put(CASES)
        world.work()
    fate = fates[owner]
    ours, theirs = _expected(fate, said, wished)
    assert by_field(world.row("case", "c1"))[FIELDS[field]] == ours
    assert system.get("cases", "c1")[field] == theirs
    assert _kept(world) == ([] if fate == NOBODY else [(FIELDS[field], owner, fate)])
    before = len(system.writes)
    world.put(CASES)
    world.work()
    assert len(system.writes) == before


def _expected(fate: str, said: Any, wished: Any) -> tuple[Any, Any]:
    """What the record says here and there."""
    if fate == WAITS:
        return wished, said
    theirs_stays = fate == T_STAYS or (fate == NOBODY and wished is LEFT)
    return (said, said) if theirs_stays else (wished, wished)


def _kept(world: World) -> list[tuple[str, str, str]]:
    with world.db.read() as tx:
        found = conflicts.listed(tx) + conflicts.listed(tx, resolved=True)
    return [(one.field, one.policy, one.resolved_how or WAITS) for one in found]
