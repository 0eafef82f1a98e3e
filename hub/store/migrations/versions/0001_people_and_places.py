"""People and places"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from hub.store.types import Instant

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "cmn_location",
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
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("full_name", sa.String(), nullable=True),
        sa.Column("street", sa.String(), nullable=True),
        sa.Column("city", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("zip", sa.String(), nullable=True),
        sa.Column("country", sa.String(), nullable=True),
        sa.Column("latitude", sa.Float(), nullable=True),
        sa.Column("longitude", sa.Float(), nullable=True),
        sa.Column("phone", sa.String(), nullable=True),
        sa.Column("time_zone", sa.String(), nullable=True),
        sa.Column("parent", sa.String(), nullable=True),
        sa.Column("company", sa.String(), nullable=True),
        sa.Column("contact", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("sys_id", name=op.f("pk_cmn_location")),
    )
    op.create_index("ix_cmn_location_name", "cmn_location", ["name"], unique=False)
    op.create_index(
        "ix_cmn_location_sys_updated_on", "cmn_location", ["sys_updated_on", "sys_id"], unique=False
    )
    op.create_table(
        "sn_customer_service_organization",
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
        sa.Column("number", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("parent", sa.String(), nullable=True),
        sa.Column("location", sa.String(), nullable=True),
        sa.Column("account", sa.String(), nullable=True),
        sa.Column("manager", sa.String(), nullable=True),
        sa.Column("schedule", sa.String(), nullable=True),
        sa.Column("time_zone", sa.String(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("sys_id", name=op.f("pk_sn_customer_service_organization")),
    )
    op.create_index(
        "ix_sn_customer_service_organization_account",
        "sn_customer_service_organization",
        ["account"],
        unique=False,
        sqlite_where=sa.text("account IS NOT NULL"),
        postgresql_where=sa.text("account IS NOT NULL"),
    )
    op.create_index(
        "ix_sn_customer_service_organization_name",
        "sn_customer_service_organization",
        ["name"],
        unique=False,
    )
    op.create_index(
        "ix_sn_customer_service_organization_sys_updated_on",
        "sn_customer_service_organization",
        ["sys_updated_on", "sys_id"],
        unique=False,
    )
    op.create_index(
        "uq_sn_customer_service_organization_number",
        "sn_customer_service_organization",
        ["number"],
        unique=True,
    )
    op.create_table(
        "sn_retail_organization",
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
        sa.Column("service_organization", sa.String(), nullable=True),
        sa.Column("retail_subtype", sa.String(), nullable=True),
        sa.Column("ownership", sa.String(), nullable=True),
        sa.Column("brand", sa.String(), nullable=True),
        sa.Column("flagship", sa.Boolean(), nullable=True),
        sa.Column("store_number", sa.String(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("sys_id", name=op.f("pk_sn_retail_organization")),
    )
    op.create_index(
        "ix_sn_retail_organization_brand_store_number",
        "sn_retail_organization",
        ["brand", "store_number"],
        unique=False,
    )
    op.create_index(
        "ix_sn_retail_organization_service_organization",
        "sn_retail_organization",
        ["service_organization"],
        unique=False,
    )
    op.create_index(
        "ix_sn_retail_organization_sys_updated_on",
        "sn_retail_organization",
        ["sys_updated_on", "sys_id"],
        unique=False,
    )
    op.create_table(
        "sys_user",
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
        sa.PrimaryKeyConstraint("sys_id", name=op.f("pk_sys_user")),
    )
    op.create_index("ix_sys_user_email", "sys_user", ["email"], unique=False)
    op.create_index(
        "ix_sys_user_employee_number",
        "sys_user",
        ["employee_number"],
        unique=False,
        sqlite_where=sa.text("employee_number IS NOT NULL"),
        postgresql_where=sa.text("employee_number IS NOT NULL"),
    )
    op.create_index(
        "ix_sys_user_sys_updated_on", "sys_user", ["sys_updated_on", "sys_id"], unique=False
    )
    op.create_index("ix_sys_user_user_name", "sys_user", ["user_name"], unique=False)
    op.create_table(
        "sys_user_grmember",
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
        sa.Column("user", sa.String(), nullable=True),
        sa.Column("group", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("sys_id", name=op.f("pk_sys_user_grmember")),
    )
    op.create_index("ix_sys_user_grmember_group", "sys_user_grmember", ["group"], unique=False)
    op.create_index(
        "ix_sys_user_grmember_sys_updated_on",
        "sys_user_grmember",
        ["sys_updated_on", "sys_id"],
        unique=False,
    )
    op.create_index("ix_sys_user_grmember_user", "sys_user_grmember", ["user"], unique=False)
    op.create_table(
        "sys_user_group",
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
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("manager", sa.String(), nullable=True),
        sa.Column("parent", sa.String(), nullable=True),
        sa.Column("default_assignee", sa.String(), nullable=True),
        sa.Column("cost_center", sa.String(), nullable=True),
        sa.Column("type", sa.String(), nullable=True),
        sa.Column("exclude_manager", sa.Boolean(), nullable=True),
        sa.Column("include_members", sa.Boolean(), nullable=True),
        sa.Column("source", sa.String(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("sys_id", name=op.f("pk_sys_user_group")),
    )
    op.create_index("ix_sys_user_group_name", "sys_user_group", ["name"], unique=False)
    op.create_index(
        "ix_sys_user_group_sys_updated_on",
        "sys_user_group",
        ["sys_updated_on", "sys_id"],
        unique=False,
    )
