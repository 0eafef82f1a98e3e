"""`INSERT ... ON CONFLICT`: the one place in which the queue's SQL depends on the database."""

from __future__ import annotations

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite

from hub.store.database import Transaction

Upsert = sqlite.Insert | postgresql.Insert


def insert_for(tx: Transaction, table: Table) -> Upsert:
    """An insert that can say what happens on a conflict."""
    if tx.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
