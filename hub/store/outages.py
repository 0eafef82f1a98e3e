"""What a database's errors mean: which of them pass or can be mended, and what to do about each."""

from __future__ import annotations

from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

_ELSEWHERE = "another program has been writing to it for too long: see which, and try again"
_RESTORE = "name another file, or restore the last backup"
SQLITE = {
    5: _ELSEWHERE,  # SQLITE_BUSY
    6: _ELSEWHERE,  # LOCKED
    8: "this user must be allowed to write to the file and its folder",  # READONLY
    10: "look at the disk: is it full?",  # IOERR
    11: _RESTORE,  # CORRUPT
    13: "make room: what was committed is kept, the rest is done again",  # FULL
    14: "its folder must exist, and this user must be allowed to write to it",  # CANTOPEN
    26: _RESTORE,  # NOTADB
}
"""What keeps a file from being used until somebody acts (sqlite.org/rescode.html), and how."""

_AGAIN = "it is tried again by itself"
_ALLOW = "the hub's user must own its tables, and be allowed to make some in its schema"
POSTGRESQL = {
    "08": "look whether the server runs, and whether the network is well",
    "25006": "this is a standby, or made read-only: name the server that can be written to",
    "25P03": _AGAIN,  # idle in a transaction for too long
    "3F000": _ALLOW,  # no schema to make tables in
    "40001": _AGAIN,  # serialization failure
    "40P01": _AGAIN,  # deadlock
    "42501": _ALLOW,  # insufficient privilege
    "53100": "make room: what was committed is kept, the rest is done again",
    "53300": "run fewer processes, or raise max_connections",
    "53": "the server needs more memory or disk: its log says which",
    "55P03": "another transaction holds a lock for too long: see pg_stat_activity",
    "57014": "somebody cancelled it, or the server's statement_timeout is too short",
    "57P": "the server is being stopped or started",
}
"""By the beginning of the SQLSTATE, the longer one first; a server that comes back is found again.

postgresql.org/docs/current/errcodes-appendix.html has them all.
"""

REFUSALS = {
    "starting up": POSTGRESQL["57P"],
    "shutting down": POSTGRESQL["57P"],
    "password authentication": "set the right one: in the address, in PGPASSWORD, or in a passfile",
    "password supplied": "set it: in the address, in PGPASSWORD, or in a passfile",
    "pg_hba.conf": "the server's pg_hba.conf must let this user in from this machine",
    "too many": POSTGRESQL["53300"],
    "connection slots": POSTGRESQL["53300"],
    "permission denied": _ALLOW,
    "role": "create this user, or name another one in the address",
    "database": "create it, or name another one in the address",
    "option": "the part of the address after the question mark is libpq's: look it up there",
    "sslmode": "the part of the address after the question mark is libpq's: look it up there",
}
"""What a server says when it lets nobody in, by a word of it: such errors come without SQLSTATE."""
UNREACHED = "look whether the server runs there, and whether its address and port are right"


BUSY = "this process does too much at a time: give it fewer threads"


def said(error: Exception) -> str:
    """What the database said, without the lines that quote rows: those are customers' data."""
    first = str(getattr(error, "orig", error)).strip().partition("\n")[0]
    before, fatal, refusal = first.partition("FATAL:  ")
    plain = refusal if fatal else before
    return plain.removeprefix("connection failed: ").removeprefix("connection is bad: ")


def advice(error: Exception) -> str | None:
    """What to do about it; None if it is no outage, but a fault of the program or its data."""
    if isinstance(error, PoolTimeout):
        return BUSY
    cause: Any = getattr(error, "orig", error)
    if (code := getattr(cause, "sqlite_errorcode", None)) is not None:
        return SQLITE.get(int(code) & 0xFF)  # the primary code, without what extends it
    if state := getattr(cause, "sqlstate", None):
        known = sorted((start for start in POSTGRESQL if state.startswith(start)), key=len)
        if known:
            return POSTGRESQL[known[-1]]
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    return POSTGRESQL["08"] if lost or _is_broken(cause) else None


def refused(error: Exception) -> str:
    """What to do about a PostgreSQL connection that could not be made."""
    if isinstance(error, PoolTimeout):
        return BUSY
    text = said(error)
    return next((step for word, step in REFUSALS.items() if word in text), UNREACHED)


def hide_values(error: Exception) -> None:
    """Cut from an error the lines in which PostgreSQL quotes rows."""
    for one in (error, getattr(error, "orig", None)):
        if one is not None and one.args:
            one.args = (str(one.args[0]).partition("\n")[0],)


def _is_broken(error: Any) -> bool:
    """Whether PostgreSQL's driver lost the connection: it says so without a SQLSTATE."""
    kind = type(error)
    return kind.__name__ == "OperationalError" and kind.__module__.startswith("psycopg")
