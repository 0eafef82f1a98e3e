"""Attachments, and what is on its way"""

import sqlalchemy as sa
from alembic import op

from hub.store.types import Instant

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.create_table(
        "hub_sending",
        sa.Column("connection", sa.String(length=80), nullable=False),
        sa.Column("stream", sa.String(length=80), nullable=False),
        sa.Column("sys_id", sa.String(length=32), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "stream", "sys_id", name=op.f("pk_hub_sending")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sys_attachment",
        sa.Column("sys_id", sa.String(length=32), nullable=False),
        sa.Column("table_name", sa.String(), nullable=True),
        sa.Column("table_sys_id", sa.String(), nullable=True),
        sa.Column("file_name", sa.String(), nullable=True),
        sa.Column("content_type", sa.String(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("hash", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("sys_created_on", Instant(), nullable=True),
        sa.Column("sys_created_by", sa.String(), nullable=True),
        sa.Column("hub_source", sa.String(), nullable=True),
        sa.Column("hub_external_id", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("sys_id", name=op.f("pk_sys_attachment")),
    )
    op.create_index(
        "uq_sys_attachment_file",
        "sys_attachment",
        ["table_sys_id", "hub_source", "hub_external_id"],
        unique=True,
    )
    op.create_index("ix_sys_attachment_hash", "sys_attachment", ["hash"], unique=False)
    sys_choice_columns = (
        sa.column("name", sa.String(length=80)),
        sa.column("element", sa.String(length=80)),
        sa.column("value", sa.String(length=80)),
        sa.column("label", sa.String(length=255)),
        sa.column("sequence", sa.Integer()),
        sa.column("inactive", sa.Boolean()),
    )
    states = ("pending", "Pending"), ("available", "Available"), ("not_available", "Not available")
    op.bulk_insert(
        sa.table("sys_choice", *sys_choice_columns),
        [
            {
                "name": "sys_attachment",
                "element": "state",
                "value": value,
                "label": label,
                "sequence": sequence,
                "inactive": False,
            }
            for sequence, (value, label) in enumerate(states)
        ],
    )
