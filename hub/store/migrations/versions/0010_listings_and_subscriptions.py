"""Listings and subscriptions"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "hub_listing",
        sa.Column("connection", sa.String(length=80), nullable=False),
        sa.Column("stream", sa.String(length=80), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("missing", sa.BigInteger(), nullable=True),
        sa.Column("linked", sa.BigInteger(), nullable=True),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "stream", name=op.f("pk_hub_listing")),
    )
    op.create_table(
        "hub_subscription",
        sa.Column("connection", sa.String(length=80), nullable=False),
        sa.Column("stream", sa.String(length=80), nullable=False),
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("connection", "stream", "id", name=op.f("pk_hub_subscription")),
    )
