"""What time it is for every hub of a store: the database's, whatever their machines' clocks say."""

from __future__ import annotations


def seconds(dialect: str) -> str:
    """SQL for the seconds since 1970, as a double, in a database's dialect.

    In SQLite to the millisecond (sqlite.org/lang_datefunc.html; `unixepoch('subsec')` is newer
    than what many systems have). In PostgreSQL the time of the call: `now()` would be that of the
    transaction's start, which may have waited since.
    """
    if dialect == "sqlite":
        return "((julianday('now') - 2440587.5) * 86400.0)"
    return "CAST(extract(epoch FROM clock_timestamp()) AS DOUBLE PRECISION)"
