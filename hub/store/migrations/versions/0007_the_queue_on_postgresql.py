"""The queue at full strength"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

KEPT = {
    "hub_job": (
        "id, lane, kind, key, connection, payload, running, run_at, put_at, revision, attempt, "
        "crashes, take, worker, error"
    ),
    "hub_dead_job": (
        "id, lane, kind, key, connection, payload, put_at, died_at, attempt, reason, error"
    ),
}
ADDED = {"hub_job": ("priority", "0"), "hub_dead_job": ("priority, puts", "0, 1")}


def upgrade() -> None:
    # SQLite changes a table only by making it anew; so does PostgreSQL here, for one way of both.
    for table in KEPT:
        op.execute(f"CREATE TEMPORARY TABLE {table}_0006 AS SELECT * FROM {table}")  # noqa: S608 -- ours
        op.drop_table(table)
    op.drop_table("hub_worker")
    _create_tables()
    _create_indexes()
    for table, columns in KEPT.items():
        names, values = ADDED[table]
        op.execute(
            f"INSERT INTO {table} ({columns}, {names}) SELECT {columns}, {values} FROM {table}_0006"  # noqa: S608 -- ours
        )
        op.execute(f"DROP TABLE {table}_0006")
        if op.get_context().dialect.name == "postgresql":
            op.execute(
                f"SELECT setval('{table}_id_seq', coalesce(max(id), 0) + 1, false) FROM {table}"  # noqa: S608 -- ours
            )


def _create_tables() -> None:
    op.create_table(
        "hub_dead_job",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("key", sa.String(length=512), nullable=False),
        sa.Column("connection", sa.String(length=80), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("put_at", sa.Float(), nullable=False),
        sa.Column("puts", sa.Integer(), nullable=False),
        sa.Column("died_at", sa.Float(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("worker", sa.String(length=80), nullable=True),
        sa.Column("story", sa.JSON(none_as_null=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hub_dead_job")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "hub_job",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("key", sa.String(length=512), nullable=False),
        sa.Column("connection", sa.String(length=80), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
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
        sa.Column("story", sa.JSON(none_as_null=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hub_job")),
        postgresql_with={
            "autovacuum_vacuum_scale_factor": 0,
            "autovacuum_vacuum_threshold": 5000,
            "autovacuum_vacuum_insert_threshold": 200000,
            "autovacuum_vacuum_cost_delay": 0,
            "autovacuum_analyze_scale_factor": 0,
            "autovacuum_analyze_threshold": 20000,
        },
        sqlite_autoincrement=True,
    )
    op.create_table(
        "hub_rate",
        sa.Column("account", sa.String(length=80), nullable=False),
        sa.Column("free_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_hub_rate")),
        postgresql_with={"fillfactor": 50},
    )
    op.create_table(
        "hub_revival",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("which", sa.JSON(), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.Column("rate", sa.Float(), nullable=False),
        sa.Column("newest", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("foreseen", sa.BigInteger(), nullable=False),
        sa.Column("revived", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("cancelled_by", sa.String(length=100), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hub_revival")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "hub_worker",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("beat_at", sa.Float(), nullable=False),
        sa.Column("idle", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_hub_worker")),
        postgresql_with={"fillfactor": 50},
    )


def _create_indexes() -> None:
    op.create_index(
        "ix_hub_dead_job_connection", "hub_dead_job", ["connection", "kind", "lane"], unique=False
    )
    op.create_index(
        "ix_hub_job_claim",
        "hub_job",
        ["lane", "connection", "priority", "run_at", "id"],
        unique=False,
        sqlite_where=sa.text("running = 0 AND crashes = 0"),
        postgresql_where=sa.text("running = false AND crashes = 0"),
    )
    op.create_index(
        "ix_hub_job_suspect",
        "hub_job",
        ["run_at", "id"],
        unique=False,
        sqlite_where=sa.text("running = 0 AND crashes > 0"),
        postgresql_where=sa.text("running = false AND crashes > 0"),
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
