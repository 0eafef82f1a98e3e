"""Migrations make exactly the tables that the code knows, once, whoever runs them."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from hub.store import migrations, schema
from hub.store.database import Database
from hub.store.migrations import draft
from tests.databases import Databases

STEPS = ScriptDirectory(str(Path(migrations.__file__).parent))


def definitions(tx: Connection) -> set[tuple[str, str]]:
    """Every table, column and index by name, as the database keeps its definition."""
    known = SQLITE if tx.dialect.name == "sqlite" else POSTGRESQL
    rows = tx.exec_driver_sql(known)
    return {(name, _plain(sql)) for name, sql in rows if not name.startswith("alembic_version")}


SQLITE = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
POSTGRESQL = """
    SELECT table_name || '.' || column_name,
      concat_ws(' ', data_type, character_maximum_length, numeric_precision, is_nullable,
        column_default, is_identity)
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT tablename || '/' || indexname, indexdef FROM pg_indexes
    WHERE schemaname = 'public'
    UNION ALL SELECT conrelid::regclass || '/' || conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
"""


def _plain(sql: str) -> str:
    one_line = re.sub(r"\s+", " ", sql.replace('"', ""))
    return re.sub(r" ?([,)])", r"\1", one_line).strip(
        " ;"
    )  # SQLite leaves some before a new column


def test_the_migrated_schema_is_the_one_that_the_code_knows(db: Database) -> None:
    with db.read() as tx:
        assert compare_metadata(MigrationContext.configure(tx), schema.metadata) == []


def test_also_in_what_alembic_does_not_compare(
    db: Database, databases: Databases, tmp_path: Path
) -> None:
    """Partial indexes, tables without rowid, autoincrement."""
    (tmp_path / "other").mkdir()
    url = databases.empty(tmp_path / "other")
    other = Database(url)
    with other.write() as tx:
        schema.metadata.create_all(tx)
        expected = definitions(tx)
    with db.read() as tx:
        assert definitions(tx) == expected
    other.close()
    databases.drop(url)


def test_nothing_is_left_to_migrate() -> None:
    assert draft.draft("anything") is None


def test_a_draft_writes_what_the_database_lacks(db: Database) -> None:
    with db.write() as tx:
        tx.exec_driver_sql("ALTER TABLE incident DROP COLUMN severity")
        tx.exec_driver_sql("DROP TABLE hub_token")
        tx.exec_driver_sql("DELETE FROM sys_number WHERE prefix = 'INC'")
    with db.read() as tx:
        tables, rows = draft._tables(tx, frozenset()), draft._rows(tx, frozenset())
        assert "hub_token" not in draft._tables(tx, frozenset({"incident"}))
    assert "batch_op.add_column(sa.Column('severity', sa.String(), nullable=True))" in tables
    assert "op.create_table('hub_token'" in tables
    assert "('INC', 'incident', 10001, 7)" in rows
    assert "'CS'" not in rows


def test_steps_are_told_once_and_a_second_run_has_none(empty: Database) -> None:
    steps = schema.migrate(empty)
    assert steps[0] == "0001 People and places"
    assert len(steps) == int(schema.head())
    assert schema.migrate(empty) == []


def test_a_migrated_database_passes_the_check(db: Database) -> None:
    schema.check(db)
    assert schema.current(db) == schema.head()


def test_a_database_without_schema_is_told_to_migrate(empty: Database) -> None:
    assert schema.current(empty) is None
    with pytest.raises(schema.SchemaMismatch) as refused:
        schema.check(empty)
    assert str(refused.value).startswith(f"{empty.place} has no schema yet")
    assert f"needs version {schema.head()}: run `hub migrate`" in str(refused.value)


def _stamp(db: Database, version: str) -> None:
    with db.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": version})


def test_an_older_database_is_told_to_migrate(db: Database) -> None:
    _stamp(db, "0001")
    with pytest.raises(schema.SchemaMismatch) as refused:
        schema.check(db)
    assert "has schema version 0001" in str(refused.value)
    assert f"needs {schema.head()}" in str(refused.value)
    assert "run `hub migrate`" in str(refused.value)


@pytest.mark.parametrize("use", [schema.check, schema.migrate])
def test_a_newer_database_is_left_alone(db: Database, use: Callable[[Database], object]) -> None:
    _stamp(db, "9999")
    with pytest.raises(schema.SchemaMismatch) as refused:
        use(db)
    assert "version 9999, which this program does not know" in str(refused.value)
    assert "run that release" in str(refused.value)
    assert schema.current(db) == "9999"


def test_another_programs_database_is_recognised(empty: Database) -> None:
    with empty.write() as tx:
        tx.exec_driver_sql("CREATE TABLE invoices (id INTEGER)")
    with pytest.raises(schema.SchemaMismatch, match="another program's"):
        schema.check(empty)


def test_a_password_in_the_address_is_not_told() -> None:
    advice = schema._advice(Database("postgresql://hub:s3cret@db/hub"), None)
    assert advice.startswith("database postgresql://hub:***@db/hub has no schema yet")


def test_a_migration_that_fails_leaves_nothing_behind(empty: Database) -> None:
    with empty.write() as tx:
        tx.exec_driver_sql("CREATE TABLE hub_job (mine INTEGER)")  # in the way of the last step
    with pytest.raises(Exception, match=r'"?hub_job"? already exists'):
        schema.migrate(empty)
    with empty.read() as tx:
        assert set(inspect(tx).get_table_names()) == {"hub_job"}


MIGRATE = """
import sys
from hub.store import schema
from hub.store.database import Database
db = Database(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(len(schema.migrate(db)), flush=True)
"""


def test_four_programs_that_migrate_at_once_all_end_well(empty: Database) -> None:
    url = empty.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", MIGRATE, url]
    programs = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for program in programs:
        assert program.stdout
        assert program.stdout.readline() == "ready\n"
    for program in programs:  # all are waiting: let them go
        assert program.stdin
        program.stdin.write("go\n")
        program.stdin.flush()
    steps = [int(program.communicate(timeout=60)[0]) for program in programs]
    assert [program.returncode for program in programs] == [0] * 4
    assert sorted(steps) == [0, 0, 0, int(schema.head())]
    schema.check(empty)


def test_migrating_leaves_logging_as_it_was(empty: Database) -> None:
    before = (list(logging.root.handlers), logging.root.level)
    schema.migrate(empty)
    assert (list(logging.root.handlers), logging.root.level) == before
    assert not logging.getLogger("hub").disabled


def test_steps_form_one_line() -> None:
    steps = list(STEPS.walk_revisions())
    assert [step.revision for step in steps] == [f"{n:04}" for n in range(len(steps), 0, -1)]
    assert all(step.module.__file__ and step.doc for step in steps)
