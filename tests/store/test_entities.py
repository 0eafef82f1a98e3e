"""The entities: their tables, shapes, choices and defaults."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, Boolean, Float, Integer, String, insert, inspect, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateTable

from hub.store import schema, sets
from hub.store.database import Database
from hub.store.entities import (
    ALL,
    CASE,
    ENCLOSED,
    INCIDENT,
    ORDER_LINE,
    USER,
    Entity,
    UnknownEntity,
    choice_rows,
    find,
    sys_choice,
)
from hub.store.types import Instant, Money
from tests.databases import plan

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
REAL_DATA = Path(os.environ.get("HUB_REAL_DATA") or Path(__file__).parents[3] / "shared" / "data")

LATER = frozenset(
    {
        "alm_asset",
        "ast_contract",
        "change_request",
        "cmdb_ci",
        "cmdb_ci_service",
        "cmdb_model",
        "cmn_cost_center",
        "cmn_department",
        "cmn_schedule",
        "cmn_skill",
        "csm_household",
        "problem",
        "service_entitlement",
        "service_offering",
        "sn_customerservice_case_report",
        "sn_customerservice_escalation",
        "sn_install_base_item",
        "sn_install_base_sold_product",
        "sys_user_group_type",
        "task",
    }
)
"""ServiceNow's tables that records refer to and that the store does not have yet."""

every_entity = pytest.mark.parametrize("entity", ALL, ids=lambda entity: entity.name)


def row(entity: Entity, sys_id: str = "a" * 32, **values: Any) -> dict[str, Any]:
    stamps = {"sys_created_on": NOW, "sys_updated_on": NOW}
    return {**entity.defaults, "sys_id": sys_id, **stamps, **values}


def test_an_entity_is_found_by_its_short_name_and_by_its_table() -> None:
    assert find("case") is find("sn_customerservice_case") is CASE


def test_a_misspelt_entity_is_answered_with_what_was_meant() -> None:
    with pytest.raises(UnknownEntity, match="no entity is called 'acount'; did you mean 'account'"):
        find("acount")


def test_a_strange_entity_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(UnknownEntity, match="known: case, incident, account, contact"):
        find("zzz")


def test_no_name_stands_for_two_entities() -> None:
    for entity in (*ALL, *ENCLOSED):
        assert find(entity.name) is find(entity.table.name) is entity


@every_entity
def test_a_shape_has_every_column_of_its_table(entity: Entity) -> None:
    kinds = {name: field.kind for name, field in entity.shape.fields.items()}
    columns = {column.name for column in entity.table.columns}
    assert {name for name, kind in kinds.items() if kind != "journal"} == columns
    assert entity.shape.table == entity.table.name
    assert entity.display in columns


@every_entity
def test_a_column_keeps_what_its_kind_promises(entity: Entity) -> None:
    promised: dict[str, type] = {
        "string": String,
        "choice": String,
        "reference": String,
        "list": String,
        "integer": Integer,
        "boolean": Boolean,
        "number": Float,
        "money": Money,
        "json": JSON,
        "instant": Instant,
    }
    for column in entity.table.columns:
        kind = entity.shape.fields[column.name].kind
        assert isinstance(column.type, promised[kind]), column


@every_entity
def test_every_row_says_who_made_it_and_when(entity: Entity) -> None:
    stamps = {
        "sys_id",
        "sys_created_on",
        "sys_created_by",
        "sys_updated_on",
        "sys_updated_by",
        "sys_mod_count",
        "sys_domain",
    }
    required = {column.name for column in entity.table.columns if not column.nullable}
    assert stamps <= required <= stamps | {"sys_class_name", "active"}
    assert all(entity.shape.fields[name].read_only for name in (*stamps, "hub_custom"))


@every_entity
def test_a_row_of_nothing_but_defaults_is_stored(db: Database, entity: Entity) -> None:
    with db.write() as tx:
        tx.execute(insert(entity.table).values(row(entity)))
    with db.read() as tx:
        stored = tx.execute(select(entity.table)).one()._asdict()
    assert stored == dict.fromkeys(entity.table.columns.keys()) | row(entity)


@every_entity
def test_a_reference_names_a_table_that_there_is_or_will_be(entity: Entity) -> None:
    tables = {other.table.name for other in ALL}
    for field in entity.shape.fields.values():
        if field.kind in {"reference", "list"}:
            assert field.reference in tables | LATER, field.name
    assert not tables & LATER


@every_entity
def test_no_row_needs_another_one_to_be_there_first(entity: Entity) -> None:
    assert not entity.table.foreign_keys


@every_entity
def test_names_and_types_suit_postgresql(entity: Entity) -> None:
    names = [entity.table.name, *entity.table.columns.keys()]
    names += [str(index.name) for index in entity.table.indexes]
    assert [name for name in names if len(name) > 63] == []  # NAMEDATALEN - 1
    dialect: Any = postgresql.dialect()  # type: ignore[no-untyped-call]
    assert "hub_custom JSONB" in str(CreateTable(entity.table).compile(dialect=dialect))


def test_a_new_case_begins_as_servicenow_would_begin_it() -> None:
    expected = {
        "active": True,
        "state": "1",
        "impact": "3",
        "urgency": "3",
        "priority": "4",
        "escalation": "0",
        "category": "1",
        "sys_domain": "global",
        "sys_mod_count": 0,
        "sys_class_name": "sn_customerservice_case",
    }
    assert expected.items() <= CASE.defaults.items()
    assert INCIDENT.defaults["priority"] == "5"


def test_states_have_servicenows_codes() -> None:
    case, incident = CASE.shape.fields["state"], INCIDENT.shape.fields["state"]
    assert dict(case.choices) == {
        "new": "1",
        "open": "10",
        "awaiting_info": "18",
        "resolved": "6",
        "closed": "3",
        "cancelled": "7",
    }
    assert dict(incident.choices) == {
        "new": "1",
        "in_progress": "2",
        "on_hold": "3",
        "resolved": "6",
        "closed": "7",
        "canceled": "8",
    }


def test_priorities_are_named_without_their_digit() -> None:
    names = ["critical", "high", "moderate", "low", "planning"]
    assert dict(INCIDENT.shape.fields["priority"].choices) == dict(zip(names, "12345", strict=True))
    assert "planning" not in CASE.shape.fields["priority"].choices
    assert dict(CASE.shape.fields["urgency"].choices) == {"high": "1", "medium": "2", "low": "3"}


def test_a_close_code_is_its_own_label() -> None:
    choices = INCIDENT.shape.fields["close_code"].choices
    assert choices["solution_provided"] == "Solution provided"
    assert len(choices) == 10


@every_entity
def test_choices_have_labels_and_names_of_their_own(entity: Entity) -> None:
    for name, field in entity.shape.fields.items():
        among = entity.table.columns[name].info.get("choices", ()) if field.choices else ()
        assert (field.kind == "choice") == bool(field.choices), name
        assert all(choice.name.isidentifier() and choice.label for choice in among)
        assert len({choice.name for choice in among}) == len({c.code for c in among}) == len(among)
        default = entity.defaults.get(name)
        assert field.kind != "choice" or default in {None, *field.choices.values()}


def test_the_database_lists_the_same_choices(db: Database) -> None:
    with db.read() as tx:
        stored = [dict(found._mapping) for found in tx.execute(select(sys_choice))]
    expected = choice_rows((*ALL, *ENCLOSED))
    order = ("name", "element", "sequence")
    assert sorted(stored, key=lambda r: [r[key] for key in order]) == sorted(
        expected, key=lambda r: [r[key] for key in order]
    )


def test_comments_are_fields_without_a_column() -> None:
    for entity in (CASE, INCIDENT):
        assert entity.shape.fields["comments"].kind == "journal"
        assert entity.shape.fields["work_notes"].kind == "journal"
        assert "comments" not in entity.table.columns


def test_a_text_longer_than_servicenow_allows_is_kept_whole(db: Database) -> None:
    subject = "long " * 100
    with db.write() as tx:
        tx.execute(insert(CASE.table).values(row(CASE, short_description=subject)))
        assert tx.execute(select(CASE.table.c.short_description)).scalar_one() == subject
    assert CASE.shape.fields["short_description"].length == 160


def test_custom_fields_are_kept_with_their_types(db: Database) -> None:
    custom = {"u_region": "north", "u_size": 3, "u_tags": ["a", "ß", "\U0001f4a5"]}
    with db.write() as tx:
        tx.execute(insert(CASE.table).values(row(CASE, hub_custom=custom)))
    with db.read() as tx:
        assert tx.execute(select(CASE.table.c.hub_custom)).scalar_one() == custom


def test_two_cases_never_have_one_number_but_many_may_have_none(db: Database) -> None:
    with db.write() as tx:
        rows = [row(CASE, "a" * 32), row(CASE, "b" * 32), row(CASE, "c" * 32, number="CS0001001")]
        tx.execute(insert(CASE.table), rows[:2])
        tx.execute(insert(CASE.table), rows[2:])
    with pytest.raises(IntegrityError, match="number"), db.write() as tx:
        tx.execute(insert(CASE.table).values(row(CASE, "d" * 32, number="CS0001001")))


def test_an_order_has_each_line_once(db: Database) -> None:
    first, again = (row(ORDER_LINE, c * 32, order="o" * 32, external_id="1") for c in "ab")
    with db.write() as tx:
        tx.execute(insert(ORDER_LINE.table).values(first))
    with pytest.raises(IntegrityError, match="external_id"), db.write() as tx:
        tx.execute(insert(ORDER_LINE.table).values(again))


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("case", "number"),
        ("case", "correlation_id"),
        ("case", "account"),
        ("case", "contact"),
        ("case", "consumer"),
        ("case", "order"),
        ("incident", "number"),
        ("incident", "correlation_id"),
        ("contact", "email"),
        ("consumer", "email"),
        ("user", "email"),
        ("user", "user_name"),
        ("order", "external_id"),
        ("order_line", "order"),
        ("return", "order"),
    ],
)
def test_a_page_of_keys_is_looked_up_by_index(db: Database, name: str, column: str) -> None:
    """Also where the index leaves out the rows that have no value."""
    table = find(name).table.name
    keys = sets.values("keys", ["k"])
    query = f'SELECT t.sys_id FROM {keys} k CROSS JOIN {table} t WHERE t."{column}" = k.k'
    with db.read() as tx:
        steps = plan(tx, query, keys='["x"]')
    assert "SEARCH t USING" in steps or re.search(f"Index Scan using \\w+ on {table}", steps), steps


@every_entity
def test_lists_are_paged_by_the_time_of_the_last_change(db: Database, entity: Entity) -> None:
    query = f"SELECT * FROM {entity.table.name} ORDER BY sys_updated_on, sys_id LIMIT 50"
    with db.read() as tx:
        steps = plan(tx, query)
    assert "USING INDEX" in steps or "Index Scan" in steps, steps
    assert "TEMP B-TREE" not in steps
    assert "Sort" not in steps


@pytest.mark.parametrize(("entity", "file"), [(INCIDENT, "incident"), (USER, "sys_user")])
def test_our_columns_are_those_of_a_real_instance(entity: Entity, file: str) -> None:
    path = REAL_DATA / "servicenow-workarena" / f"{file}.display_value_true.json"
    if not path.exists():
        pytest.skip(f"no real rows at {path}")
    theirs = set().union(*json.loads(path.read_text())["result"])
    ours = {name for name in entity.shape.fields if not name.startswith("hub_")}
    assert ours <= theirs


def test_the_database_has_a_table_for_every_entity(db: Database) -> None:
    with db.read() as tx:
        there = set(inspect(tx).get_table_names())
    assert there == {*schema.metadata.tables, "alembic_version"}
