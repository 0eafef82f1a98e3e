"""Customers"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from hub.store.types import Instant

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "csm_consumer",
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
        sa.Column("prefix", sa.String(), nullable=True),
        sa.Column("first_name", sa.String(), nullable=True),
        sa.Column("middle_name", sa.String(), nullable=True),
        sa.Column("last_name", sa.String(), nullable=True),
        sa.Column("suffix", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("business_phone", sa.String(), nullable=True),
        sa.Column("home_phone", sa.String(), nullable=True),
        sa.Column("mobile_phone", sa.String(), nullable=True),
        sa.Column("street", sa.String(), nullable=True),
        sa.Column("city", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("zip", sa.String(), nullable=True),
        sa.Column("country", sa.String(), nullable=True),
        sa.Column("household", sa.String(), nullable=True),
        sa.Column("primary", sa.Boolean(), nullable=True),
        sa.Column("time_zone", sa.String(), nullable=True),
        sa.Column("preferred_language", sa.String(), nullable=True),
        sa.Column("notes", sa.String(), nullable=True),
        sa.Column("user", sa.String(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("sys_id", name=op.f("pk_csm_consumer")),
    )
    op.create_index("ix_csm_consumer_email", "csm_consumer", ["email"], unique=False)
    op.create_index(
        "ix_csm_consumer_sys_updated_on", "csm_consumer", ["sys_updated_on", "sys_id"], unique=False
    )
    op.create_index(
        "ix_csm_consumer_user",
        "csm_consumer",
        ["user"],
        unique=False,
        sqlite_where=sa.text('"user" IS NOT NULL'),
        postgresql_where=sa.text('"user" IS NOT NULL'),
    )
    op.create_index("uq_csm_consumer_number", "csm_consumer", ["number"], unique=True)
    op.create_table(
        "customer_account",
        sa.Column("sys_id", sa.String(length=32), nullable=False),
        sa.Column("sys_created_on", Instant(), nullable=False),
        sa.Column("sys_created_by", sa.String(), nullable=False),
        sa.Column("sys_updated_on", Instant(), nullable=False),
        sa.Column("sys_updated_by", sa.String(), nullable=False),
        sa.Column("sys_mod_count", sa.Integer(), nullable=False),
        sa.Column("sys_domain", sa.String(), nullable=False),
        sa.Column("sys_class_name", sa.String(), nullable=False),
        sa.Column(
            "hub_custom",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True), "postgresql"
            ),
            nullable=True,
        ),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("contact", sa.String(), nullable=True),
        sa.Column("phone", sa.String(), nullable=True),
        sa.Column("website", sa.String(), nullable=True),
        sa.Column("street", sa.String(), nullable=True),
        sa.Column("city", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("zip", sa.String(), nullable=True),
        sa.Column("country", sa.String(), nullable=True),
        sa.Column("latitude", sa.Float(), nullable=True),
        sa.Column("longitude", sa.Float(), nullable=True),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("notes", sa.String(), nullable=True),
        sa.Column("industry", sa.String(), nullable=True),
        sa.Column("num_employees", sa.Integer(), nullable=True),
        sa.Column("vendor", sa.Boolean(), nullable=True),
        sa.Column("manufacturer", sa.Boolean(), nullable=True),
        sa.Column("number", sa.String(), nullable=True),
        sa.Column("account_code", sa.String(), nullable=True),
        sa.Column("account_path", sa.String(), nullable=True),
        sa.Column("account_parent", sa.String(), nullable=True),
        sa.Column("customer", sa.Boolean(), nullable=True),
        sa.Column("partner", sa.Boolean(), nullable=True),
        sa.Column("rank_tier", sa.String(), nullable=True),
        sa.Column("registration_code", sa.String(), nullable=True),
        sa.Column("primary_contact", sa.String(), nullable=True),
        sa.Column("active_escalation", sa.String(), nullable=True),
        sa.Column("hub_domain", sa.String(), nullable=True),
        sa.Column("hub_tax_id", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("sys_id", name=op.f("pk_customer_account")),
    )
    op.create_index(
        "ix_customer_account_account_parent",
        "customer_account",
        ["account_parent"],
        unique=False,
        sqlite_where=sa.text("account_parent IS NOT NULL"),
        postgresql_where=sa.text("account_parent IS NOT NULL"),
    )
    op.create_index(
        "ix_customer_account_account_path",
        "customer_account",
        ["account_path"],
        unique=False,
        sqlite_where=sa.text("account_path IS NOT NULL"),
        postgresql_where=sa.text("account_path IS NOT NULL"),
    )
    op.create_index(
        "ix_customer_account_hub_domain",
        "customer_account",
        ["hub_domain"],
        unique=False,
        sqlite_where=sa.text("hub_domain IS NOT NULL"),
        postgresql_where=sa.text("hub_domain IS NOT NULL"),
    )
    op.create_index(
        "ix_customer_account_hub_tax_id",
        "customer_account",
        ["hub_tax_id"],
        unique=False,
        sqlite_where=sa.text("hub_tax_id IS NOT NULL"),
        postgresql_where=sa.text("hub_tax_id IS NOT NULL"),
    )
    op.create_index("ix_customer_account_name", "customer_account", ["name"], unique=False)
    op.create_index(
        "ix_customer_account_registration_code",
        "customer_account",
        ["registration_code"],
        unique=False,
        sqlite_where=sa.text("registration_code IS NOT NULL"),
        postgresql_where=sa.text("registration_code IS NOT NULL"),
    )
    op.create_index(
        "ix_customer_account_sys_updated_on",
        "customer_account",
        ["sys_updated_on", "sys_id"],
        unique=False,
    )
    op.create_index("uq_customer_account_number", "customer_account", ["number"], unique=True)
    op.create_table(
        "customer_contact",
        sa.Column("sys_id", sa.String(length=32), nullable=False),
        sa.Column("sys_created_on", Instant(), nullable=False),
        sa.Column("sys_created_by", sa.String(), nullable=False),
        sa.Column("sys_updated_on", Instant(), nullable=False),
        sa.Column("sys_updated_by", sa.String(), nullable=False),
        sa.Column("sys_mod_count", sa.Integer(), nullable=False),
        sa.Column("sys_domain", sa.String(), nullable=False),
        sa.Column("sys_class_name", sa.String(), nullable=False),
        sa.Column(
            "hub_custom",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True), "postgresql"
            ),
            nullable=True,
        ),
        sa.Column("user_name", sa.String(), nullable=True),
        sa.Column("first_name", sa.String(), nullable=True),
        sa.Column("middle_name", sa.String(), nullable=True),
        sa.Column("last_name", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("phone", sa.String(), nullable=True),
        sa.Column("mobile_phone", sa.String(), nullable=True),
        sa.Column("home_phone", sa.String(), nullable=True),
        sa.Column("street", sa.String(), nullable=True),
        sa.Column("city", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("zip", sa.String(), nullable=True),
        sa.Column("country", sa.String(), nullable=True),
        sa.Column("employee_number", sa.String(), nullable=True),
        sa.Column("title", sa.String(), nullable=True),
        sa.Column("gender", sa.String(), nullable=True),
        sa.Column("department", sa.String(), nullable=True),
        sa.Column("cost_center", sa.String(), nullable=True),
        sa.Column("manager", sa.String(), nullable=True),
        sa.Column("company", sa.String(), nullable=True),
        sa.Column("location", sa.String(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("locked_out", sa.Boolean(), nullable=True),
        sa.Column("web_service_access_only", sa.Boolean(), nullable=True),
        sa.Column("internal_integration_user", sa.Boolean(), nullable=True),
        sa.Column("password_needs_reset", sa.Boolean(), nullable=True),
        sa.Column("vip", sa.Boolean(), nullable=True),
        sa.Column("time_zone", sa.String(), nullable=True),
        sa.Column("date_format", sa.String(), nullable=True),
        sa.Column("time_format", sa.String(), nullable=True),
        sa.Column("preferred_language", sa.String(), nullable=True),
        sa.Column("source", sa.String(), nullable=True),
        sa.Column("notification", sa.String(), nullable=True),
        sa.Column("last_login_time", Instant(), nullable=True),
        sa.Column("hub_user_type", sa.String(), nullable=True),
        sa.Column("hub_licence_sku", sa.String(), nullable=True),
        sa.Column("account", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("sys_id", name=op.f("pk_customer_contact")),
    )
    op.create_index("ix_customer_contact_account", "customer_contact", ["account"], unique=False)
    op.create_index("ix_customer_contact_email", "customer_contact", ["email"], unique=False)
    op.create_index(
        "ix_customer_contact_sys_updated_on",
        "customer_contact",
        ["sys_updated_on", "sys_id"],
        unique=False,
    )
    op.create_index(
        "ix_customer_contact_user_name",
        "customer_contact",
        ["user_name"],
        unique=False,
        sqlite_where=sa.text("user_name IS NOT NULL"),
        postgresql_where=sa.text("user_name IS NOT NULL"),
    )
