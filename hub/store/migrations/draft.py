"""Write the next migration: what the tables, choices and numbers of the code have and head lacks.

    python -m hub.store.migrations.draft "what changed" [TABLE ...]

With tables, only what concerns those. Then `make format`, and read what it wrote before you
commit it: a renamed column looks like one that went and one that came.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import dedent, indent
from typing import Any, Literal

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.operations.ops import CreateIndexOp, ModifyTableOps, UpgradeOps
from alembic.runtime.migration import MigrationContext
from sqlalchemy import JSON, Table, inspect, select

from hub.store import entities, numbers, schema, types
from hub.store.database import Database, Transaction

STEPS = Path(__file__).parent / "versions"

_STEP = '''"""{title}"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from hub.store.types import Instant, Money

revision = {revision!r}
down_revision = {previous!r}


def upgrade() -> None:
{body}
'''


def main(arguments: Sequence[str]) -> int:
    if not arguments:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    written = draft(arguments[0], only=frozenset(arguments[1:]))
    sys.stdout.write(f"{written or 'nothing changed'}\n")
    return 0


def draft(title: str, *, only: frozenset[str] = frozenset()) -> Path | None:
    """Write the step; its path, or None when there is nothing to do."""
    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{folder}/head.db")
        previous = schema.head() if any(STEPS.glob("*.py")) and schema.migrate(db) else None
        with db.read() as tx:
            body = _tables(tx, only) + _rows(tx, only)
        db.close()
    if not body:
        return None
    revision = f"{int(previous or 0) + 1:04}"
    slug = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")
    path = STEPS / f"{revision}_{slug}.py"
    code = indent(body, "    ")
    path.write_text(_STEP.format(title=title, revision=revision, previous=previous, body=code))
    return path


def _tables(tx: Transaction, only: frozenset[str]) -> str:
    def concerned(thing: Any, name: str | None, kind: str, _there: bool, _other: Any) -> bool:  # noqa: FBT001 -- Alembic calls it
        del thing
        return kind != "table" or not only or name in only

    options = {"include_object": concerned, "target_metadata": schema.metadata}
    context = MigrationContext.configure(tx, opts=options)
    changes = produce_migrations(context, schema.metadata).upgrade_ops
    assert changes is not None
    if changes.is_empty():
        return ""
    code = render_python_code(changes, render_as_batch=_alters(changes), render_item=_render)
    kept = [line for line in code.splitlines() if not line.lstrip().startswith("# ###")]
    return dedent("\n".join(kept)) + "\n"


def _alters(changes: UpgradeOps) -> bool:
    """Whether existing columns change: SQLite copies the table then, which Alembic calls a batch."""
    return any(
        not isinstance(op, CreateIndexOp)
        for group in changes.ops
        if isinstance(group, ModifyTableOps)
        for op in group.ops
    )


def _render(kind: str, thing: Any, context: Any) -> str | Literal[False]:
    del context
    if kind != "type":
        return False
    if type(thing).__module__ == types.__name__:
        return f"{type(thing).__name__}()"
    if isinstance(thing, JSON) and thing._variant_mapping:  # noqa: SLF001 -- no public way to ask
        # Alembic's own rendering names a type that it does not import.
        jsonb = "postgresql.JSONB(none_as_null=True)"
        return f'sa.JSON(none_as_null=True).with_variant({jsonb}, "postgresql")'
    return False


def _rows(tx: Transaction, only: frozenset[str]) -> str:
    wanted = (
        (entities.sys_choice, entities.choice_rows((*entities.ALL, *entities.ENCLOSED))),
        (numbers.sys_number, numbers.series(entities.ALL)),
    )
    return "".join(
        _missing(tx, table, rows) for table, rows in wanted if not only or table.name in only
    )


def _missing(tx: Transaction, table: Table, rows: Iterable[dict[str, Any]]) -> str:
    """Inserts of what the table lacks. A choice that is no longer offered is for a person."""
    keys = [column.name for column in table.primary_key]
    known = select(*(table.c[key] for key in keys))
    exists = inspect(tx).has_table(table.name)
    there = {tuple(row) for row in tx.execute(known)} if exists else set()
    lacking = [row for row in rows if tuple(row[key] for key in keys) not in there]
    if not lacking:
        return ""
    columns, values = f"{table.name}_columns", f"{table.name}_rows"
    return "\n".join(
        [
            f"{columns} = (",
            *(f"    sa.column({name!r}, sa.{table.c[name].type!r})," for name in lacking[0]),
            ")",
            f"{values} = [",
            *(f"    {tuple(row.values())!r}," for row in lacking),
            "]",
            "op.bulk_insert(",
            f"    sa.table({table.name!r}, *{columns}),",
            f"    [dict(zip({tuple(lacking[0])!r}, row, strict=True)) for row in {values}],",
            ")\n",
        ]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
