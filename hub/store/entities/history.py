"""What belongs to a record: journal entries, files, and who changed what in it (the audit)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table

from hub.store.entities import choices as among
from hub.store.entities.columns import (
    choice,
    duration,
    instant,
    record_of_any_table,
    string,
)
from hub.store.entities.entity import Entity
from hub.store.metadata import metadata
from hub.store.types import Instant

sys_journal_field = Table(
    "sys_journal_field",
    metadata,
    Column("sys_id", String(32), primary_key=True, info={"kind": "string", "read_only": True}),
    string("name", 80),  # the table of the record
    record_of_any_table("element_id"),
    choice("element", among.JOURNAL_ELEMENTS),
    string("value", 65535),
    instant("sys_created_on"),
    string("sys_created_by"),
    string("hub_source", 80),  # the connection that an entry came by; null for one of ours
    string("hub_external_id", 255),
    string("hub_hash", 64),
    Index(
        "uq_sys_journal_field_entry",
        "element_id",
        "element",
        "hub_source",
        "hub_external_id",
        unique=True,
    ),
)

sys_attachment = Table(
    "sys_attachment",
    metadata,
    Column("sys_id", String(32), primary_key=True, info={"kind": "string", "read_only": True}),
    string("table_name", 80),  # the table of the record
    record_of_any_table("table_sys_id"),
    string("file_name", 255),
    string("content_type", 255),
    duration("size_bytes"),
    string("hash", 64),  # SHA-256 of the content, which is kept under that name
    choice("state", among.ATTACHMENT_STATES, default="pending"),
    instant("sys_created_on"),
    string("sys_created_by"),
    string("hub_source", 80),
    string("hub_external_id", 255),
    Index("uq_sys_attachment_file", "table_sys_id", "hub_source", "hub_external_id", unique=True),
    Index("ix_sys_attachment_hash", "hash"),
)

sys_audit = Table(
    "sys_audit",
    metadata,
    # An integer instead of a sys_id: rows are appended by the page, and read in this order.
    Column("id", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True),
    Column("tablename", String, nullable=False),
    Column("documentkey", String(32), nullable=False),
    Column("fieldname", String, nullable=False),
    Column("oldvalue", String),
    Column("newvalue", String),
    Column("user", String, nullable=False),
    Column("reason", String),
    Column("internal_checkpoint", String(32)),  # one per change set
    Column("sys_created_on", Instant, nullable=False),
    Column("hub_source", String),  # connection
    Column("hub_external_id", String),
    Column("hub_mapping", String),  # file:line
    Column("hub_job_id", String),
    Index("ix_sys_audit_documentkey", "documentkey"),  # of all tables: a sys_id is in one only
)

JOURNAL = Entity.of("journal", sys_journal_field, display="value")
ATTACHMENT = Entity.of("attachment", sys_attachment, display="file_name")
