"""Orders and returns"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from hub.store.types import Instant, Money

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "hub_return",
        sa.Column("sys_id", sa.String(length=32), nullable=False),
        sa.Column("sys_created_on", Instant(), nullable=False),
        sa.Column("sys_created_by", sa.String(), nullable=False),
        sa.Column("sys_updated_on", Instant(), nullable=False),
        sa.Column("sys_updated_by", sa.String(), nullable=False),
        sa.Column("sys_mod_count", sa.Integer(), nullable=False),
        sa.Column("sys_domain", sa.String(), nullable=False),
        sa.Column(
            "hub_custom",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True), "postgresql"
            ),
            nullable=True,
        ),
        sa.Column("number", sa.String(), nullable=True),
        sa.Column("order", sa.String(), nullable=True),
        sa.Column("case", sa.String(), nullable=True),
        sa.Column("account", sa.String(), nullable=True),
        sa.Column("contact", sa.String(), nullable=True),
        sa.Column("consumer", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("notes", sa.String(), nullable=True),
        sa.Column(
            "lines",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True), "postgresql"
            ),
            nullable=True,
        ),
        sa.Column("refund_amount", Money(), nullable=True),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("external_system", sa.String(), nullable=True),
        sa.Column("requested_at", Instant(), nullable=True),
        sa.Column("received_at", Instant(), nullable=True),
        sa.Column("refunded_at", Instant(), nullable=True),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("sys_id", name=op.f("pk_hub_return")),
    )
    op.create_index(
        "ix_hub_return_case",
        "hub_return",
        ["case"],
        unique=False,
        sqlite_where=sa.text('"case" IS NOT NULL'),
        postgresql_where=sa.text('"case" IS NOT NULL'),
    )
    op.create_index(
        "ix_hub_return_consumer",
        "hub_return",
        ["consumer"],
        unique=False,
        sqlite_where=sa.text("consumer IS NOT NULL"),
        postgresql_where=sa.text("consumer IS NOT NULL"),
    )
    op.create_index(
        "ix_hub_return_external_id",
        "hub_return",
        ["external_id"],
        unique=False,
        sqlite_where=sa.text("external_id IS NOT NULL"),
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )
    op.create_index("ix_hub_return_order", "hub_return", ["order"], unique=False)
    op.create_index(
        "ix_hub_return_sys_updated_on", "hub_return", ["sys_updated_on", "sys_id"], unique=False
    )
    op.create_index("uq_hub_return_number", "hub_return", ["number"], unique=True)
    op.create_table(
        "sn_csm_om_order",
        sa.Column("sys_id", sa.String(length=32), nullable=False),
        sa.Column("sys_created_on", Instant(), nullable=False),
        sa.Column("sys_created_by", sa.String(), nullable=False),
        sa.Column("sys_updated_on", Instant(), nullable=False),
        sa.Column("sys_updated_by", sa.String(), nullable=False),
        sa.Column("sys_mod_count", sa.Integer(), nullable=False),
        sa.Column("sys_domain", sa.String(), nullable=False),
        sa.Column(
            "hub_custom",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True), "postgresql"
            ),
            nullable=True,
        ),
        sa.Column("number", sa.String(), nullable=True),
        sa.Column("account", sa.String(), nullable=True),
        sa.Column("consumer", sa.String(), nullable=True),
        sa.Column("contact", sa.String(), nullable=True),
        sa.Column("partner", sa.String(), nullable=True),
        sa.Column("partner_contact", sa.String(), nullable=True),
        sa.Column("contract", sa.String(), nullable=True),
        sa.Column("order_date", Instant(), nullable=True),
        sa.Column("order_currency", sa.String(), nullable=True),
        sa.Column("total_amount", Money(), nullable=True),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=True),
        sa.Column("order_type", sa.String(), nullable=True),
        sa.Column("order_category", sa.String(), nullable=True),
        sa.Column("channel", sa.String(), nullable=True),
        sa.Column("billing_street", sa.String(), nullable=True),
        sa.Column("billing_city", sa.String(), nullable=True),
        sa.Column("billing_state", sa.String(), nullable=True),
        sa.Column("billing_zip", sa.String(), nullable=True),
        sa.Column("billing_country", sa.String(), nullable=True),
        sa.Column("shipping_street", sa.String(), nullable=True),
        sa.Column("shipping_city", sa.String(), nullable=True),
        sa.Column("shipping_state", sa.String(), nullable=True),
        sa.Column("shipping_zip", sa.String(), nullable=True),
        sa.Column("shipping_country", sa.String(), nullable=True),
        sa.Column("shipping_location", sa.String(), nullable=True),
        sa.Column("payment_ref_id", sa.String(), nullable=True),
        sa.Column("quote_id", sa.String(), nullable=True),
        sa.Column("special_instructions", sa.String(), nullable=True),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("external_system", sa.String(), nullable=True),
        sa.Column("hub_financial_status", sa.String(), nullable=True),
        sa.Column("hub_fulfilment_status", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("sys_id", name=op.f("pk_sn_csm_om_order")),
    )
    op.create_index(
        "ix_sn_csm_om_order_account",
        "sn_csm_om_order",
        ["account"],
        unique=False,
        sqlite_where=sa.text("account IS NOT NULL"),
        postgresql_where=sa.text("account IS NOT NULL"),
    )
    op.create_index(
        "ix_sn_csm_om_order_consumer",
        "sn_csm_om_order",
        ["consumer"],
        unique=False,
        sqlite_where=sa.text("consumer IS NOT NULL"),
        postgresql_where=sa.text("consumer IS NOT NULL"),
    )
    op.create_index(
        "ix_sn_csm_om_order_contact",
        "sn_csm_om_order",
        ["contact"],
        unique=False,
        sqlite_where=sa.text("contact IS NOT NULL"),
        postgresql_where=sa.text("contact IS NOT NULL"),
    )
    op.create_index(
        "ix_sn_csm_om_order_external_id",
        "sn_csm_om_order",
        ["external_id"],
        unique=False,
        sqlite_where=sa.text("external_id IS NOT NULL"),
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )
    op.create_index(
        "ix_sn_csm_om_order_order_date", "sn_csm_om_order", ["order_date"], unique=False
    )
    op.create_index(
        "ix_sn_csm_om_order_sys_updated_on",
        "sn_csm_om_order",
        ["sys_updated_on", "sys_id"],
        unique=False,
    )
    op.create_index("uq_sn_csm_om_order_number", "sn_csm_om_order", ["number"], unique=True)
    op.create_table(
        "sn_csm_om_order_line_item",
        sa.Column("sys_id", sa.String(length=32), nullable=False),
        sa.Column("sys_created_on", Instant(), nullable=False),
        sa.Column("sys_created_by", sa.String(), nullable=False),
        sa.Column("sys_updated_on", Instant(), nullable=False),
        sa.Column("sys_updated_by", sa.String(), nullable=False),
        sa.Column("sys_mod_count", sa.Integer(), nullable=False),
        sa.Column("sys_domain", sa.String(), nullable=False),
        sa.Column(
            "hub_custom",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True), "postgresql"
            ),
            nullable=True,
        ),
        sa.Column("number", sa.String(), nullable=True),
        sa.Column("order", sa.String(), nullable=True),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("product", sa.String(), nullable=True),
        sa.Column("sold_product", sa.String(), nullable=True),
        sa.Column("sku", sa.String(), nullable=True),
        sa.Column("short_description", sa.String(), nullable=True),
        sa.Column("quantity", sa.Float(), nullable=True),
        sa.Column("delivered_quantity", sa.Float(), nullable=True),
        sa.Column("unit_price", Money(), nullable=True),
        sa.Column("list_price", Money(), nullable=True),
        sa.Column("total_price", Money(), nullable=True),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("action", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("sys_id", name=op.f("pk_sn_csm_om_order_line_item")),
    )
    op.create_index(
        "ix_sn_csm_om_order_line_item_sys_updated_on",
        "sn_csm_om_order_line_item",
        ["sys_updated_on", "sys_id"],
        unique=False,
    )
    op.create_index(
        "uq_sn_csm_om_order_line_item_number", "sn_csm_om_order_line_item", ["number"], unique=True
    )
    op.create_index(
        "uq_sn_csm_om_order_line_item_order_external_id",
        "sn_csm_om_order_line_item",
        ["order", "external_id"],
        unique=True,
    )
