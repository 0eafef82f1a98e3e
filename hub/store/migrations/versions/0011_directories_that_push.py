"""Directories that push: their tokens, and user names found whatever their case"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("hub_token", sa.Column("tenant", sa.String(80)))
    op.create_index("ix_sys_user_user_name_folded", "sys_user", [sa.text("lower(user_name)")])
