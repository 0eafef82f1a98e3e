"""What dead records have in common"""

import orjson
import sqlalchemy as sa
from alembic import op

from hub.store.causes import cause_of

revision = "0016"
down_revision = "0015"

OPEN = sa.text("resolved_at IS NULL")
TEXTS = ("cause", "place", "field", "reason", "value")
PORTION = 1_000


def upgrade() -> None:
    for name in TEXTS:
        kind = sa.String(20) if name == "cause" else sa.String()
        column = sa.Column(name, kind, nullable=False, server_default="")
        op.add_column("hub_dead_record", column)
    since = sa.Column("since", sa.Float(), nullable=False, server_default="0")
    op.add_column("hub_dead_record", since)
    _find_causes()
    for name, columns in (
        ("cause", ["cause", "id", "since", "failed_at"]),
        ("mapping", ["mapping", "failed_at"]),
    ):
        op.create_index(
            f"ix_hub_dead_record_{name}",
            "hub_dead_record",
            ["connection", "stream", *columns],
            sqlite_where=OPEN,
            postgresql_where=OPEN,
        )
    op.create_table(
        "hub_dead_edit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("letter", sa.BigInteger(), nullable=False),
        sa.Column("connection", sa.String(length=80), nullable=False),
        sa.Column("stream", sa.String(length=80), nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=False),
        sa.Column("version", sa.String(length=80), nullable=False),
        sa.Column("before", sa.LargeBinary(), nullable=False),
        sa.Column("after", sa.LargeBinary(), nullable=False),
        sa.Column("edited_by", sa.String(length=100), nullable=False),
        sa.Column("edited_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hub_dead_edit")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_hub_dead_edit_letter", "hub_dead_edit", ["letter"])
    what = sa.Column("what", sa.String(10), nullable=False, server_default="jobs")
    op.add_column("hub_revival", what)
    op.add_column("hub_revival", sa.Column("once", sa.String()))
    # Dead records are read again in portions now; these few can be asked for anew.
    op.execute("DELETE FROM hub_job WHERE kind = 'reread'")


def _find_causes() -> None:
    """Of the records that are dead already, a portion at a time."""
    tx, after = op.get_bind(), 0
    letters = sa.text(
        "SELECT id, connection, stream, CAST(faults AS TEXT), error FROM hub_dead_record "
        "WHERE resolved_at IS NULL AND id > :after ORDER BY id LIMIT :most"
    )
    set_causes = sa.text(
        "UPDATE hub_dead_record SET cause = :group, place = :place, field = :field, "
        "reason = :reason, value = :value, since = failed_at WHERE id = :id"
    )
    while rows := tx.execute(letters, {"after": after, "most": PORTION}).all():
        found = []
        for id, connection, stream, faults, error in rows:
            cause = cause_of(connection, stream, orjson.loads(faults), error)
            told = {name: getattr(cause, name) for name in ("group", *TEXTS[1:])}
            found.append({"id": id, **told})
        tx.execute(set_causes, found)
        after = rows[-1][0]
