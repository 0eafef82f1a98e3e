"""Seekers, and what they find people by"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_table(
        "hub_seeker",
        sa.Column("sought", sa.String(length=32), nullable=False),
        sa.Column("connection", sa.String(length=80), nullable=False),
        sa.Column("stream", sa.String(length=80), nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint(
            "sought", "connection", "stream", "external_id", name=op.f("pk_hub_seeker")
        ),
        sqlite_with_rowid=False,
    )
    op.add_column("sn_customerservice_case", sa.Column("hub_order_number", sa.String()))
    _sparse("sn_customerservice_case", "hub_order_number")
    _sparse("customer_contact", "employee_number")


def _sparse(table: str, column: str) -> None:
    some = sa.text(f"{column} IS NOT NULL")
    op.create_index(
        f"ix_{table}_{column}", table, [column], sqlite_where=some, postgresql_where=some
    )
