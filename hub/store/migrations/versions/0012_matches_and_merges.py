"""Matches and merges"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "hub_match",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("connection", sa.String(length=80), nullable=False),
        sa.Column("stream", sa.String(length=80), nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=False),
        sa.Column("table_name", sa.String(length=80), nullable=False),
        sa.Column("candidate", sa.String(length=32), nullable=False),
        sa.Column("rule", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("merge", sa.BigInteger(), nullable=True),
        sa.Column("found_at", sa.Float(), nullable=False),
        sa.Column("decided_at", sa.Float(), nullable=True),
        sa.Column("decided_by", sa.String(length=80), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hub_match")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_hub_match_pair",
        "hub_match",
        ["connection", "stream", "external_id", "table_name", "candidate"],
        unique=True,
    )
    op.create_table(
        "hub_merge",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("table_name", sa.String(length=80), nullable=False),
        sa.Column("survivor", sa.String(length=32), nullable=False),
        sa.Column("victim", sa.String(length=32), nullable=False),
        sa.Column("image", sa.JSON(), nullable=False),
        sa.Column("merged_at", sa.Float(), nullable=False),
        sa.Column("merged_by", sa.String(length=80), nullable=False),
        sa.Column("undone_at", sa.Float(), nullable=True),
        sa.Column("undone_by", sa.String(length=80), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hub_merge")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_hub_merge_victim", "hub_merge", ["victim"], unique=False)
