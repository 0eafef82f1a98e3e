"""Lighter indexes on what a first load fills"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

CASES = "sn_customerservice_case"


def upgrade() -> None:
    for column in ("account", "contact"):
        op.drop_index(f"ix_{CASES}_{column}", CASES)
        op.create_index(
            f"ix_{CASES}_{column}",
            CASES,
            [column],
            sqlite_where=sa.text(f"{column} IS NOT NULL"),
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
    op.drop_index("ix_hub_external_ref_record", "hub_external_ref")
    op.create_index("ix_hub_external_ref_sys_id", "hub_external_ref", ["sys_id"])
    op.drop_index("ix_sys_audit_document", "sys_audit")
    op.create_index("ix_sys_audit_documentkey", "sys_audit", ["documentkey"])
