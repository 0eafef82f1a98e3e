"""Which version of the schema a database has, which one this program needs, and how to get there."""

from __future__ import annotations

from functools import cache

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import delete, false, func, inspect, select

from hub.store import conflicts, entities, numbers, system, work  # noqa: F401 -- makes `metadata` complete
from hub.store.database import Database, Transaction
from hub.store.metadata import metadata

MIGRATING = 0x43534D  # one number for all programs that migrate: PostgreSQL's advisory lock


class SchemaMismatch(Exception):
    """The database has another version of the schema than this program."""


@cache
def head() -> str:
    """The version that this program needs; to know it, alembic runs all steps' files."""
    newest = _steps().get_current_head()
    assert newest is not None
    return newest


def current(db: Database) -> str | None:
    """The version that the database has; None for a database without our schema."""
    with db.read() as tx:
        return _version(tx)


def check(db: Database) -> None:
    """Raise `SchemaMismatch`, which says what to run, unless the database has our version."""
    with db.read() as tx:
        found = _version(tx)
        strange = found is None and bool(inspect(tx).get_table_names())
    if found != head():
        raise SchemaMismatch(_advice(db, found, strange=strange))


def check_writable(db: Database) -> None:
    """Raise `Unavailable` where nothing can be written: a standby, a file of somebody else's."""
    with db.write() as tx:
        tx.execute(delete(system.tokens).where(false()))


def migrate(db: Database) -> list[str]:
    """Bring the database to our version; the steps taken, as `0001 people`, oldest first.

    All steps or none. Programs that migrate at once wait for each other, and the later ones
    have nothing to do. Raises `SchemaMismatch` for a database that only a newer program knows.
    """
    steps = _steps()
    with db.write() as tx:
        if not db.sqlite:
            tx.execute(select(func.pg_advisory_xact_lock(MIGRATING)))
        before = _version(tx)
        if before is not None and before not in _known(steps):
            raise SchemaMismatch(_advice(db, before))
        config = _config()
        config.attributes["connection"] = tx
        command.upgrade(config, "head")
        taken = list(steps.iterate_revisions(head(), before or "base"))
    return [f"{step.revision} {step.doc}" for step in reversed(taken) if step.revision != before]


def _advice(db: Database, found: str | None, *, strange: bool = False) -> str:
    place = db.place
    if found is None and strange:
        return (
            f"{place} has tables, but none of the hub's: is it another program's? "
            f"This program needs schema version {head()} in a database of its own; "
            "set another one, or run `hub migrate` to add the hub's tables beside them"
        )
    if found is None:
        return f"{place} has no schema yet; this program needs version {head()}: run `hub migrate`"
    if found in _known(_steps()):
        return (
            f"{place} has schema version {found}; this program needs {head()}: "
            "stop every hub that uses it, then run `hub migrate`"
        )
    return (
        f"{place} has schema version {found}, which this program does not know; it needs "
        f"{head()}. A newer release has migrated it: run that release, or restore the backup "
        "from before"
    )


def _version(tx: Transaction) -> str | None:
    return MigrationContext.configure(tx).get_current_revision()


def _known(steps: ScriptDirectory) -> set[str]:
    return {step.revision for step in steps.walk_revisions()}


def _steps() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()  # no alembic.ini: nothing here configures logging
    config.set_main_option("script_location", "hub.store:migrations")
    return config


__all__ = ["SchemaMismatch", "check", "check_writable", "current", "head", "metadata", "migrate"]
