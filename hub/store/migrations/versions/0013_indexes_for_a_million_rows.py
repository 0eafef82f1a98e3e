"""Indexes for a million rows"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

OPEN = sa.text("resolved_at IS NULL")
SETTLED = sa.text("external_id = ''")


def upgrade() -> None:
    op.create_index("ix_hub_dead_job_newest", "hub_dead_job", ["connection", "id"])
    op.drop_index("ix_hub_dead_record_open", "hub_dead_record")
    op.create_index(
        "ix_hub_dead_record_open",
        "hub_dead_record",
        ["connection", "stream", "id"],
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
    op.create_index(
        "ix_hub_pending_ref_settled",
        "hub_pending_ref",
        ["table_name", "sys_id"],
        sqlite_where=SETTLED,
        postgresql_where=SETTLED,
    )
