"""External records that look for one of ours, and by what: whom to read again when it comes.

What they look by (an address, a number) is kept as a digest: nobody can be read from it, and what
is no longer true of somebody costs a superfluous look and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from hub.store import sets
from hub.store.database import Transaction

Seeker = tuple[str, str, str]
"""Connection, stream, external id."""


def digest(table: str, column: str, value: str) -> str:
    """What stands for a value of a column of ours."""
    return blake2b(f"{table}.{column}={value}".encode(), digest_size=16).hexdigest()


_REMEMBER = """
    INSERT INTO hub_seeker (sought, connection, stream, external_id) VALUES (?, ?, ?, ?)
    ON CONFLICT DO NOTHING
"""


def remember(
    tx: Transaction, connection: str, stream: str, sought: Iterable[tuple[str, str]]
) -> None:
    """Note the (digest, external id) of who looks for something. One statement."""
    rows = [(what, connection, stream, id) for what, id in sorted(set(sought))]
    if rows:
        tx.exec_driver_sql(sets.placeholders(tx, _REMEMBER), rows)


_OF = f"""
    SELECT DISTINCT s.connection, s.stream, s.external_id
    FROM {sets.each("keys", ["sought"], "hub_seeker s", "s.sought = k.sought")}
"""  # noqa: S608 -- names are ours


def of(tx: Transaction, digests: Iterable[str]) -> list[Seeker]:
    """Who looks for any of these. One statement."""
    rows = sets.select(tx, _OF, keys=sets.packed(sorted(set(digests))))
    return sorted((connection, stream, id) for connection, stream, id in rows)
