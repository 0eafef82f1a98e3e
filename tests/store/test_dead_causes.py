"""What many dead records have in common; also those that died before anybody asked."""

from __future__ import annotations

import pytest
from alembic import command
from sqlalchemy import text

from hub.store import dead, schema
from hub.store.causes import cause_of, without_values
from hub.store.database import Database


@pytest.mark.parametrize(
    ("reason", "plain"),
    [
        ("no value for 'Exploded'", "no value for …"),
        ("no value for 'it\\'s'; did you mean 'its'?", "no value for …"),
        ("no value for 7; known: a, b", "no value for …"),
        ("no value for None", "no value for …"),
        ("'yesterday' is no ISO 8601 date and time", "… is no ISO 8601 date and time"),
        ("2026-03-01T10:00:00 has no time zone", "… has no time zone"),
        ("a list was expected, not {'a': [1, 2], 'b': ...}", "a list was expected, not …"),
        ("a list was expected, not Decimal('1.5')", "a list was expected, not Decimal…"),
        ("a text of 70,000 characters is longer", "a text of … characters is longer"),
        ("Expected `str`, got `int` - at `$.a[3]`", "Expected `str`, got `int` - at `$.a…`"),
        ("division by zero", "division by zero"),
        ("", ""),
    ],
)
def test_a_reason_is_the_same_whatever_the_value(reason: str, plain: str) -> None:
    assert without_values(reason) == plain
    assert without_values(plain) == plain


def test_a_value_is_taken_out_wherever_it_stands() -> None:
    assert without_values("north is far from east", "north") == "… is far from east"


def test_a_group_is_of_a_stream_a_line_a_field_and_a_reason() -> None:
    fault = {"place": "a.yaml:3", "field": "lines[4].sku", "reason": "no value for 'x'"}
    same = fault | {"field": "lines[0].sku", "reason": "no value for 'y'", "value": "'y'"}
    first = cause_of("crm", "Case", [fault])
    assert (first.field, first.group) == ("lines[].sku", cause_of("crm", "Case", [same]).group)
    others = [
        cause_of("erp", "Case", [fault]),
        cause_of("crm", "Order", [fault]),
        cause_of("crm", "Case", [fault | {"place": "a.yaml:4"}]),
        cause_of("crm", "Case", [fault | {"field": "lines[0].name"}]),
        cause_of("crm", "Case", [fault | {"reason": "no text"}]),
        cause_of("crm", "Case", [], "a broken page\nand more"),
    ]
    assert len({first.group, *(one.group for one in others)}) == 7
    assert others[-1].reason == "a broken page"


def test_records_that_died_before_are_grouped_by_the_migration(empty: Database) -> None:
    config = schema._config()
    with empty.write() as tx:
        config.attributes["connection"] = tx
        command.upgrade(config, "0015")
        told = ":faults" if empty.sqlite else "CAST(:faults AS JSON)"
        row = text(
            "INSERT INTO hub_dead_record (connection, stream, external_id, version, mapping, raw, "
            "faults, error, failed_at, resolved_at) VALUES ('crm', 'Case', :id, '1', 'm@1', :raw, "
            f"{told}, 'no', 7.0, :resolved_at)"
        )
        faults = '[{"place": "a.yaml:3", "field": "state", "value": "%s", "reason": "no \'%s\'"}]'
        tx.execute(
            row,
            [
                {
                    "id": f"c{n}",
                    "raw": b"{}",
                    "faults": faults % (n, n),
                    "resolved_at": None if n else 8.0,
                }
                for n in range(4)
            ],
        )
        tx.execute(
            text(
                "INSERT INTO hub_revival (which, by, rate, newest, position, foreseen, revived, "
                "started_at) VALUES ('{}', 'ann', 5, 1, 0, 1, 0, 1.0)"
            )
        )
    assert schema.migrate(empty)
    with empty.read() as tx:
        [group] = dead.groups(tx)
        [(what, once)] = tx.execute(text("SELECT what, once FROM hub_revival"))
    fault = {"place": "a.yaml:3", "field": "state", "value": "1", "reason": "no '1'"}
    assert (group.count, group.group) == (3, cause_of("crm", "Case", [fault]).group)
    assert (group.since, group.latest, group.reason) == (7.0, 7.0, "no …")
    assert (what, once) == ("jobs", None)
