"""The tables of what is still to be done, and of those who do it.

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
    Column("rate", Float, nullable=False),  # letters per second at most; 0: as fast as it goes
    Column("newest", BigInteger, nullable=False),  # letters that die later are not meant
    Column("position", BigInteger, nullable=False, default=0),  # the last letter revived
    Column("foreseen", BigInteger, nullable=False),
    Column("revived", BigInteger, nullable=False, default=0),
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("cancelled_by", String(100)),
    Column("what", String(10), nullable=False, default="jobs", server_default="jobs"),  # | records
    Column("once", String),  # of one that began by itself: whose mapping became what
    sqlite_autoincrement=True,
)
