"""Links, cursors and jobs"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "hub_cursor",
        sa.Column("connection", sa.String(length=80), nullable=False),
        sa.Column("stream", sa.String(length=80), nullable=False),
        sa.Column("cursor", sa.String(), nullable=True),
        sa.Column("due_at", sa.Float(), nullable=False),
        sa.Column("moved_at", sa.Float(), nullable=True),
        sa.Column("newest", sa.Float(), nullable=True),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("unchanged", sa.BigInteger(), nullable=False),
        sa.Column("deleted", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "stream", name=op.f("pk_hub_cursor")),
    )
    op.create_table(
        "hub_dead_job",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("key", sa.String(length=512), nullable=False),
        sa.Column("connection", sa.String(length=80), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("put_at", sa.Float(), nullable=False),
        sa.Column("died_at", sa.Float(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hub_dead_job")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_hub_dead_job_connection", "hub_dead_job", ["connection", "kind", "lane"], unique=False
    )
    op.create_table(
        "hub_dead_record",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("connection", sa.String(length=80), nullable=False),
        sa.Column("stream", sa.String(length=80), nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=False),
        sa.Column("version", sa.String(length=80), nullable=False),
        sa.Column("mapping", sa.String(length=255), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("faults", sa.JSON(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("failed_at", sa.Float(), nullable=False),
        sa.Column("resolved_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hub_dead_record")),
    )
    op.create_index(
        "ix_hub_dead_record_open",
        "hub_dead_record",
        ["connection", "stream"],
        unique=False,
        sqlite_where=sa.text("resolved_at IS NULL"),
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_index(
        "uq_hub_dead_record_of",
        "hub_dead_record",
        ["connection", "stream", "external_id"],
        unique=True,
    )
    op.create_table(
        "hub_delivery",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("connection", sa.String(length=80), nullable=False),
        sa.Column("delivery_id", sa.String(length=255), nullable=False),
        sa.Column("received_at", sa.Float(), nullable=False),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hub_delivery")),
    )
    op.create_index("ix_hub_delivery_received_at", "hub_delivery", ["received_at"], unique=False)
    op.create_index(
        "uq_hub_delivery_once", "hub_delivery", ["connection", "delivery_id"], unique=True
    )
    op.create_table(
        "hub_external_ref",
        sa.Column("connection", sa.String(length=80), nullable=False),
        sa.Column("stream", sa.String(length=80), nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=False),
        sa.Column("table_name", sa.String(length=80), nullable=False),
        sa.Column("sys_id", sa.String(length=32), nullable=False),
        sa.Column("version", sa.String(length=80), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("mapping_digest", sa.String(length=16), nullable=False),
        sa.Column("base", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("first_seen", sa.Float(), nullable=False),
        sa.Column("last_seen", sa.Float(), nullable=False),
        sa.Column("deleted_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint(
            "connection", "stream", "external_id", "table_name", name=op.f("pk_hub_external_ref")
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_hub_external_ref_record", "hub_external_ref", ["table_name", "sys_id"], unique=False
    )
    op.create_table(
        "hub_job",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("key", sa.String(length=512), nullable=False),
        sa.Column("connection", sa.String(length=80), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("running", sa.Boolean(), nullable=False),
        sa.Column("run_at", sa.Float(), nullable=False),
        sa.Column("put_at", sa.Float(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("crashes", sa.Integer(), nullable=False),
        sa.Column("take", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(length=80), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hub_job")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_hub_job_claim",
        "hub_job",
        ["lane", "connection", "run_at", "id"],
        unique=False,
        sqlite_where=sa.text("running = 0"),
        postgresql_where=sa.text("running = false"),
    )
    op.create_index(
        "ix_hub_job_worker",
        "hub_job",
        ["worker"],
        unique=False,
        sqlite_where=sa.text("running = 1"),
        postgresql_where=sa.text("running = true"),
    )
    op.create_index(
        "uq_hub_job_running",
        "hub_job",
        ["kind", "key"],
        unique=True,
        sqlite_where=sa.text("running = 1"),
        postgresql_where=sa.text("running = true"),
    )
    op.create_index(
        "uq_hub_job_waiting",
        "hub_job",
        ["kind", "key"],
        unique=True,
        sqlite_where=sa.text("running = 0"),
        postgresql_where=sa.text("running = false"),
    )
    op.create_table(
        "hub_pause",
        sa.Column("connection", sa.String(length=80), nullable=False),
        sa.Column("until", sa.Float(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("connection", name=op.f("pk_hub_pause")),
    )
    op.create_table(
        "hub_pending_ref",
        sa.Column("table_name", sa.String(length=80), nullable=False),
        sa.Column("sys_id", sa.String(length=32), nullable=False),
        sa.Column("field", sa.String(length=80), nullable=False),
        sa.Column("connection", sa.String(length=80), nullable=False),
        sa.Column("stream", sa.String(length=80), nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=False),
        sa.Column("place", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("table_name", "sys_id", "field", name=op.f("pk_hub_pending_ref")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_hub_pending_ref_awaited",
        "hub_pending_ref",
        ["connection", "stream", "external_id"],
        unique=False,
    )
    op.create_table(
        "hub_sync_run",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("connection", sa.String(length=80), nullable=False),
        sa.Column("stream", sa.String(length=80), nullable=False),
        sa.Column("mode", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("cursor_from", sa.String(), nullable=True),
        sa.Column("cursor_to", sa.String(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("unchanged", sa.BigInteger(), nullable=False),
        sa.Column("deleted", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hub_sync_run")),
    )
    op.create_index(
        "ix_hub_sync_run_stream", "hub_sync_run", ["connection", "stream", "id"], unique=False
    )
    op.create_table(
        "hub_token",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("last_used_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_hub_token")),
        sa.UniqueConstraint("digest", name=op.f("uq_hub_token_digest")),
    )
    op.create_table(
        "hub_worker",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("beat_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_hub_worker")),
    )
