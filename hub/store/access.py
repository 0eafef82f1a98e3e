"""Who may use the admin API: named tokens, of which only a digest is kept."""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from hub.store.database import Transaction
from hub.store.system import tokens

PREFIX = "hub_"
USED_EVERY = 60.0
"""Seconds between two notes that a token was used: not every reader shall be a writer."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,39}")  # it becomes a record's sys_updated_by


class BadName(ValueError):
    """A token cannot have this name."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its secret. Times are seconds since 1970."""

    name: str
    created_at: float
    last_used_at: float | None


def create(tx: Transaction, name: str, now: float) -> str:
    """Make a token; its secret is told here and never again. Raises `BadName`."""
    if not _NAME.fullmatch(name):
        raise BadName(
            f"a token cannot be called {name!r}: up to 40 letters, digits and . _ @ -, "
            "the first a letter or digit"
        )
    secret = PREFIX + secrets.token_urlsafe(32)
    try:
        tx.execute(insert(tokens).values(name=name, digest=_digest(secret), created_at=now))
    except IntegrityError as error:
        raise BadName(
            f"there is a token {name!r} already: revoke it or choose another name"
        ) from error
    return secret


def check(tx: Transaction, secret: str) -> Token | None:
    """The token that this is the secret of; None for nobody's. Takes as long for every guess."""
    given, found = _digest(secret), None
    for row in tx.execute(select(tokens)):
        if hmac.compare_digest(row.digest, given):
            found = Token(row.name, row.created_at, row.last_used_at)
    return found


def is_stale(token: Token, now: float) -> bool:
    """Whether its last use is so long ago that it should be noted again."""
    return token.last_used_at is None or now - token.last_used_at >= USED_EVERY


def note_use(tx: Transaction, name: str, now: float) -> None:
    """Remember that a token was used, unless that was noted a moment ago."""
    old = or_(tokens.c.last_used_at.is_(None), tokens.c.last_used_at <= now - USED_EVERY)
    tx.execute(update(tokens).where(tokens.c.name == name, old).values(last_used_at=now))


def revoke(tx: Transaction, name: str) -> bool:
    """Make a token worthless at once; False if there is none of that name."""
    return tx.execute(delete(tokens).where(tokens.c.name == name)).rowcount == 1


def every(tx: Transaction) -> list[Token]:
    """All tokens, by name."""
    columns = (tokens.c.name, tokens.c.created_at, tokens.c.last_used_at)
    return [Token(*row) for row in tx.execute(select(*columns).order_by(tokens.c.name))]


def _digest(secret: str) -> str:
    # A secret of 256 random bits needs no salt and no slow hash: nobody can guess it.
    return sha256(secret.encode(errors="surrogateescape")).hexdigest()
