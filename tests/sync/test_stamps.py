"""Our sys_id in their records, where a mapping's stamp says."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.sync.stamps import with_stamp
from tests.sync.elsewhere import there
from tests.sync.world import World, altered, connected


@pytest.mark.parametrize(
    ("data", "stamp", "written"),
    [
        ({"a": 1}, "Hub_Id", {"a": 1, "Hub_Id": "s1"}),
        ({}, "custom.hub.id", {"custom": {"hub": {"id": "s1"}}}),
        ({"custom": {"x": 1}}, "custom.id", {"custom": {"x": 1, "id": "s1"}}),
        ({"custom": None}, "custom.id", {"custom": {"id": "s1"}}),
    ],
)
def test_it_is_written_where_the_path_leads(
    data: dict[str, object], stamp: str, written: dict[str, object]
) -> None:
    assert with_stamp(data, stamp, "s1") == written


def test_what_was_created_with_a_nested_stamp_is_known_again(world: World, tmp_path: Path) -> None:
    nested = altered(tmp_path, "cases", "stamp: Hub_Id", "stamp: custom.hub")
    world.connect(connected(), connected("erp", cases=nested))
    world.absorb(there("cases", "c1", Subject="Till"))
    world.work()
    erp = world.system("erp")
    [(id, record)] = erp.table("cases").items()
    ours = world.sys_id("case", "c1")
    assert record is not None
    assert record["custom"] == {"hub": ours}
    with world.db.write() as tx:  # their webhook is quicker than our link
        tx.exec_driver_sql("DELETE FROM hub_external_ref WHERE connection = 'erp'")
    world.absorb(there("cases", id, 9, **record), connection="erp")
    assert world.sys_id("case", id, "erp") == ours
