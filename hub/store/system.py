"""The hub's own tables: what it knows about the outside, and what is still to be done.

Times in them are seconds since 1970 on the database's clock, as floats: jobs need more than
the second precision of `Instant`.
"""

from __future__ import annotations

from typing import Any

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

deliveries = Table(
    "hub_delivery",
    metadata,
    Column("id", _serial, primary_key=True),
    Column("connection", String(80), nullable=False),
    Column("delivery_id", String(255), nullable=False),
    Column("received_at", Float, nullable=False),
    Column("headers", JSON, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("state", String(20), nullable=False),  # waiting | done | dead
    Column("error", String),
    Index("uq_hub_delivery_once", "connection", "delivery_id", unique=True),
    Index("ix_hub_delivery_received_at", "received_at"),
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
    Column("failed_at", Float, nullable=False),
    Column("resolved_at", Float),  # null while it is dead
    Index("uq_hub_dead_record_of", "connection", "stream", "external_id", unique=True),
    Index(
        "ix_hub_dead_record_open",
        "connection",
        "stream",
        "id",
        sqlite_where=text("resolved_at IS NULL"),
        postgresql_where=text("resolved_at IS NULL"),
    ),
)

_VACUUMED = {
    # Rows live for seconds: without this, dead ones are passed over by every claim until a fifth
    # of the largest backlog ever has died.
    "autovacuum_vacuum_scale_factor": 0,
    "autovacuum_vacuum_threshold": 5000,
    "autovacuum_vacuum_insert_threshold": 200_000,
    "autovacuum_vacuum_cost_delay": 0,
    "autovacuum_analyze_scale_factor": 0,
    "autovacuum_analyze_threshold": 20_000,
}


def _where(sqlite: str, postgresql: str) -> dict[str, Any]:
    return {"sqlite_where": text(sqlite), "postgresql_where": text(postgresql)}


jobs = Table(
    "hub_job",
    metadata,
    Column("id", _serial, primary_key=True),
    Column("lane", Integer, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("key", String(512), nullable=False),
    Column("connection", String(80), nullable=False),
    Column("priority", Integer, nullable=False, default=0),  # the smaller, the sooner
    Column("payload", JSON, nullable=False),
    Column("running", Boolean, nullable=False, default=False),
    Column("run_at", Float, nullable=False),
    Column("put_at", Float, nullable=False),
    Column("revision", Integer, nullable=False, default=1),
    Column("attempt", Integer, nullable=False, default=0),
    Column("crashes", Integer, nullable=False, default=0),
    Column("take", Integer, nullable=False, default=0),  # the fencing token
    Column("worker", String(80)),
    Column("error", String),
    Column("story", JSON(none_as_null=True)),  # [[time, worker, error], ...] of what failed
    # Waiting jobs only, so that a claim never meets one that runs; and no suspects, which are
    # taken one at a time. The connection stands before the time: a paused connection's backlog is
    # stepped over as a whole.
    Index(
        "ix_hub_job_claim",
        "lane",
        "connection",
        "priority",
        "run_at",
        "id",
        **_where("running = 0 AND crashes = 0", "running = false AND crashes = 0"),
    ),
    Index(
        "ix_hub_job_suspect",
        "run_at",
        "id",
        **_where("running = 0 AND crashes > 0", "running = false AND crashes > 0"),
    ),
    *(
        Index(
            f"uq_hub_job_{state}",
            "kind",
            "key",
            unique=True,
            **_where(f"running = {flag}", f"running = {word}"),
        )
        for state, flag, word in (("waiting", 0, "false"), ("running", 1, "true"))
    ),
    sqlite_autoincrement=True,  # an id given twice would let a lost lease pass for a new one
    postgresql_with=_VACUUMED,
)

dead_jobs = Table(
    "hub_dead_job",
    metadata,
    Column("id", _serial, primary_key=True),
    Column("lane", Integer, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("key", String(512), nullable=False),
    Column("connection", String(80), nullable=False),
    Column("priority", Integer, nullable=False, default=0),
    Column("payload", JSON, nullable=False),
    Column("put_at", Float, nullable=False),
    Column("puts", Integer, nullable=False, default=1),  # requests that this job answered
    Column("died_at", Float, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("reason", String(40), nullable=False),
    Column("error", String, nullable=False),
    Column("worker", String(80)),  # the last to run it
    Column("story", JSON(none_as_null=True)),  # [[time, worker, error], ...]
    Index("ix_hub_dead_job_connection", "connection", "kind", "lane"),
    Index("ix_hub_dead_job_newest", "connection", "id"),
    sqlite_autoincrement=True,  # a person types these ids: one must never mean another letter
)

workers = Table(
    "hub_worker",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("beat_at", Float, nullable=False),
    Column("idle", Boolean, nullable=False, default=False),  # waits to be woken
    postgresql_with={"fillfactor": 50},
)

pauses = Table(
    "hub_pause",
    metadata,
    Column("connection", String(80), primary_key=True),
    Column("until", Float),  # null: until somebody acts
    Column("reason", String, nullable=False),
    Column("since", Float, nullable=False),
)

rates = Table(
    "hub_rate",
    metadata,
    Column("account", String(80), primary_key=True),
    Column("free_at", Float, nullable=False),  # when the next call may be made
    postgresql_with={"fillfactor": 50},
)

revivals = Table(
    "hub_revival",
    metadata,
    Column("id", _serial, primary_key=True),
    Column("which", JSON, nullable=False),  # the properties of the letters that are meant
    Column("by", String(100), nullable=False),
    Column("rate", Float, nullable=False),  # letters per second at most
    Column("newest", BigInteger, nullable=False),  # letters that die later are not meant
    Column("position", BigInteger, nullable=False, default=0),  # the last letter revived
    Column("foreseen", BigInteger, nullable=False),
    Column("revived", BigInteger, nullable=False, default=0),
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("cancelled_by", String(100)),
    sqlite_autoincrement=True,
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
