"""The hub's own tables: what it knows about the outside. What is still to be done: see `work`.

Times in them are seconds since 1970 on the database's clock, as floats: jobs need more than
the second precision of `Instant`.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    text,
)

from hub.store.metadata import metadata

_serial = BigInteger().with_variant(Integer, "sqlite")

links = Table(
    "hub_external_ref",
    metadata,
    Column("connection", String(80), primary_key=True),
    Column("stream", String(80), primary_key=True),
    Column("external_id", String(255), primary_key=True),
    Column("table_name", String(80), primary_key=True),
    Column("sys_id", String(32), nullable=False),
    Column("version", String(80), nullable=False, default=""),
    Column("digest", LargeBinary(16), nullable=False, default=b""),  # of what they sent last
    Column("mapping_digest", String(16), nullable=False, default=""),
    Column("base", JSON(none_as_null=True)),  # mapped values both sides agreed on last
    Column("first_seen", Float, nullable=False),
    Column("last_seen", Float, nullable=False),
    Column("deleted_at", Float),
    Index("ix_hub_external_ref_sys_id", "sys_id"),
    sqlite_with_rowid=False,
)

remembered = Table(
    "hub_remembered",  # external records as they came, of the connections that keep them
    metadata,
    Column("connection", String(80), primary_key=True),
    Column("stream", String(80), primary_key=True),
    Column("external_id", String(255), primary_key=True),
    Column("version", String(80), nullable=False),
    Column("raw", LargeBinary, nullable=False),  # JSON, deflated
    sqlite_with_rowid=False,
)

pending_refs = Table(
    "hub_pending_ref",
    metadata,
    # the field that is to be filled ...
    Column("table_name", String(80), primary_key=True),
    Column("sys_id", String(32), primary_key=True),
    Column("field", String(80), primary_key=True),
    # ... and the external record it waits for; no external_id: it waits no longer
    Column("connection", String(80), nullable=False),
    Column("stream", String(80), nullable=False),
    Column("external_id", String(255), nullable=False),
    Column("place", String(255), nullable=False),  # mapping file and line
    Index("ix_hub_pending_ref_awaited", "connection", "stream", "external_id"),
    Index(
        "ix_hub_pending_ref_settled",
        "table_name",
        "sys_id",
        sqlite_where=text("external_id = ''"),
        postgresql_where=text("external_id = ''"),
    ),
    sqlite_with_rowid=False,
)

cursors = Table(
    "hub_cursor",
    metadata,
    Column("connection", String(80), primary_key=True),
    Column("stream", String(80), primary_key=True),
    Column("cursor", String),
    Column("due_at", Float, nullable=False, default=0),
    Column("moved_at", Float),
    Column("newest", Float),  # their clock at the newest change applied
    Column("seen", BigInteger, nullable=False, default=0),
    Column("created", BigInteger, nullable=False, default=0),
    Column("updated", BigInteger, nullable=False, default=0),
    Column("unchanged", BigInteger, nullable=False, default=0),
    Column("deleted", BigInteger, nullable=False, default=0),
    Column("failed", BigInteger, nullable=False, default=0),
)

listings = Table(
    "hub_listing",  # a stream's complete listing: under way, or waiting for a person's word
    metadata,
    Column("connection", String(80), primary_key=True),
    Column("stream", String(80), primary_key=True),
    Column("started_at", Float, nullable=False),  # a link that was last seen before is missing
    Column("missing", BigInteger),  # how many, once it is complete and they are too many ...
    Column("linked", BigInteger),  # ... of so many
    Column("accepted", Boolean, nullable=False, default=False),  # a person says that they are gone
)

backfills = Table(
    "hub_backfill",  # a stream that is read from its beginning, or since a moment, beside its polls
    metadata,
    Column("connection", String(80), primary_key=True),
    Column("stream", String(80), primary_key=True),
    Column("start", String),  # the cursor that it began after; null: the beginning
    Column("cursor", String),  # where its last page ended
    Column("foreseen", BigInteger),  # records, if that was known
    Column("seen", BigInteger, nullable=False, default=0),
    Column("started_at", Float, nullable=False),
    Column("started_by", String(80), nullable=False),
)

subscriptions = Table(
    "hub_subscription",  # that they promised to send us webhooks
    metadata,
    Column("connection", String(80), primary_key=True),
    Column("stream", String(80), primary_key=True),
    Column("id", String(255), primary_key=True),  # what they call it
    Column("expires_at", Float),
)

matches = Table(
    "hub_match",  # a record that may be, or was taken for, one that we had
    metadata,
    Column("id", _serial, primary_key=True),
    Column("connection", String(80), nullable=False),
    Column("stream", String(80), nullable=False),
    Column("external_id", String(255), nullable=False),
    Column("table_name", String(80), nullable=False),
    Column("candidate", String(32), nullable=False),  # the sys_id that it may be
    Column("rule", String(255), nullable=False),  # the fields that are alike
    Column("state", String(20), nullable=False),  # waiting | adopted | accepted | rejected
    Column("merge", BigInteger),  # of an accepted one: what made the two one
    Column("found_at", Float, nullable=False),
    Column("decided_at", Float),
    Column("decided_by", String(80)),
    Index(
        "uq_hub_match_pair",
        "connection",
        "stream",
        "external_id",
        "table_name",
        "candidate",
        unique=True,
    ),
    sqlite_autoincrement=True,  # a person types these ids
)

seekers = Table(
    "hub_seeker",  # external records that look for a record of ours which may come yet
    metadata,
    Column("sought", String(32), primary_key=True),  # a digest of a table, a column and a value
    Column("connection", String(80), primary_key=True),
    Column("stream", String(80), primary_key=True),
    Column("external_id", String(255), primary_key=True),
    sqlite_with_rowid=False,
)

sending = Table(
    "hub_sending",  # entries and files of ours that they may have got, under an id unknown to us
    metadata,
    Column("connection", String(80), primary_key=True),
    Column("stream", String(80), primary_key=True),
    Column("sys_id", String(32), primary_key=True),
    Column("since", Float, nullable=False),
    sqlite_with_rowid=False,
)

merges = Table(
    "hub_merge",  # two records that became one, and what it takes to undo that
    metadata,
    Column("id", _serial, primary_key=True),
    Column("table_name", String(80), nullable=False),
    Column("survivor", String(32), nullable=False),
    Column("victim", String(32), nullable=False),
    Column("image", JSON, nullable=False),  # the victim's row, and all that was pointed elsewhere
    Column("merged_at", Float, nullable=False),
    Column("merged_by", String(80), nullable=False),
    Column("undone_at", Float),
    Column("undone_by", String(80)),
    Index("ix_hub_merge_victim", "victim"),
    sqlite_autoincrement=True,
)

drift = Table(
    "hub_drift",  # what the records of a stream look like, path by path: see `hub.store.drift`
    metadata,
    Column("connection", String(80), primary_key=True),
    Column("stream", String(80), primary_key=True),
    Column("path", String(255), primary_key=True),  # list steps left out; empty: the record itself
    Column("state", String(10), nullable=False),  # known | new | gone | changed
    Column("kinds", String(40), nullable=False),  # that were seen there, with commas
    Column("was", String(40), nullable=False),  # those of them that are no news
    Column("mapped", Boolean, nullable=False),  # a mapping read it when it was seen last
    Column("seen", BigInteger, nullable=False),  # how many had it ...
    Column("looked", BigInteger, nullable=False),  # ... of how many that could have had it
    Column("missing", BigInteger, nullable=False),  # how many of the last had not, in a row
    Column("first_seen", Float, nullable=False),
    Column("last_seen", Float, nullable=False),
    Column("since", Float, nullable=False),  # it is in this state
    sqlite_with_rowid=False,
)

sync_runs = Table(
    "hub_sync_run",
    metadata,
    Column("id", _serial, primary_key=True),
    Column("connection", String(80), nullable=False),
    Column("stream", String(80), nullable=False),
    Column("mode", String(20), nullable=False),  # full | delta | webhook
    Column("state", String(20), nullable=False),  # running | done | failed
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("cursor_from", String),
    Column("cursor_to", String),
    Column("error", String),
    Column("seen", BigInteger, nullable=False, default=0),
    Column("created", BigInteger, nullable=False, default=0),
    Column("updated", BigInteger, nullable=False, default=0),
    Column("unchanged", BigInteger, nullable=False, default=0),
    Column("deleted", BigInteger, nullable=False, default=0),
    Column("failed", BigInteger, nullable=False, default=0),
    Index("ix_hub_sync_run_stream", "connection", "stream", "id"),
)

dead_records = Table(
    "hub_dead_record",
    metadata,
    Column("id", _serial, primary_key=True),
    Column("connection", String(80), nullable=False),
    Column("stream", String(80), nullable=False),
    Column("external_id", String(255), nullable=False),
    Column("version", String(80), nullable=False),
    Column("mapping", String(255), nullable=False),
    Column("raw", LargeBinary, nullable=False),  # JSON, as it came
    Column("faults", JSON, nullable=False),  # [{place, field, expression, value, reason}]
    Column("error", String, nullable=False),  # the faults as one readable text
    Column("failed_at", Float, nullable=False),  # when it was tried last
    Column("resolved_at", Float),  # null while it is dead
    # What it has in common with others: see `causes`.
    Column("cause", String(20), nullable=False, default="", server_default=""),
    Column("place", String, nullable=False, default="", server_default=""),
    Column("field", String, nullable=False, default="", server_default=""),
    Column("reason", String, nullable=False, default="", server_default=""),
    Column("value", String, nullable=False, default="", server_default=""),
    Column("since", Float, nullable=False, default=0, server_default="0"),  # it has been dead
    Index("uq_hub_dead_record_of", "connection", "stream", "external_id", unique=True),
    *(
        Index(
            f"ix_hub_dead_record_{name}",
            "connection",
            "stream",
            *columns,
            sqlite_where=text("resolved_at IS NULL"),
            postgresql_where=text("resolved_at IS NULL"),
        )
        for name, columns in (
            ("open", ("id",)),
            ("cause", ("cause", "id", "since", "failed_at")),  # groups are counted by it alone
            ("mapping", ("mapping", "failed_at")),
        )
    ),
)

dead_edits = Table(
    "hub_dead_edit",  # what a person made of a dead record, and what it was before
    metadata,
    Column("id", _serial, primary_key=True),
    Column("letter", BigInteger, nullable=False),
    Column("connection", String(80), nullable=False),
    Column("stream", String(80), nullable=False),
    Column("external_id", String(255), nullable=False),
    Column("version", String(80), nullable=False),
    Column("before", LargeBinary, nullable=False),  # JSON, as it came
    Column("after", LargeBinary, nullable=False),
    Column("edited_by", String(100), nullable=False),
    Column("edited_at", Float, nullable=False),
    Index("ix_hub_dead_edit_letter", "letter"),
    sqlite_autoincrement=True,  # audit entries name them
)

tokens = Table(
    "hub_token",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),  # SHA-256 of the secret, in hex
    Column("created_at", Float, nullable=False),
    Column("last_used_at", Float),
    Column("tenant", String(80)),  # the directory that may push with it; null: for the admin API
)
