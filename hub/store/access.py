"""Who may use the admin API, and which directory may push: tokens, of which only a digest is kept.

A token has a name, or a tenant: a directory that pushes by SCIM. A tenant may have two at a time,
so that one is good until the directory has been given the other.
"""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from hub.store.database import Transaction
from hub.store.system import tokens

PREFIX = "hub_"
TENANT_PREFIX = "hub_scim_"
AT_A_TIME = 2
"""Tokens of one tenant that are good at a time."""
USED_EVERY = 60.0
"""Seconds between two notes that a token was used: not every reader shall be a writer."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,39}")  # it becomes a record's sys_updated_by


class BadName(ValueError):
    """A token cannot have this name, or a tenant no further token."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its secret. Times are seconds since 1970; `tenant` is empty for the admin API."""

    name: str
    created_at: float
    last_used_at: float | None
    tenant: str = ""


def create(tx: Transaction, name: str, now: float) -> str:
    """Make a token for the admin API; its secret is told here and never again. Raises `BadName`."""
    _check(name, "token")
    secret = PREFIX + secrets.token_urlsafe(32)
    try:
        tx.execute(insert(tokens).values(name=name, digest=_digest(secret), created_at=now))
    except IntegrityError as error:
        raise BadName(
            f"there is a token {name!r} already: revoke it or choose another name"
        ) from error
    return secret


def create_for(tx: Transaction, tenant: str, now: float) -> tuple[str, str]:
    """Make a token for a directory; its name (`okta/1`) and, only now, its secret.

    Raises `BadName`, also while the tenant has two.
    """
    _check(tenant, "tenant")
    names = [f"{tenant}/{number}" for number in range(1, AT_A_TIME + 1)]
    has = tx.execute(select(tokens.c.name).where(tokens.c.name.in_(names))).scalars().all()
    free = [name for name in names if name not in has]
    if not free:
        raise BadName(
            f"tenant {tenant!r} has {AT_A_TIME} tokens already: revoke the one that is used no more"
        )
    secret = TENANT_PREFIX + secrets.token_urlsafe(32)
    row = {"name": free[0], "digest": _digest(secret), "created_at": now, "tenant": tenant}
    tx.execute(insert(tokens).values(row))
    return free[0], secret


def check(tx: Transaction, secret: str) -> Token | None:
    """The admin API's token that this is the secret of; None for nobody's.

    Takes as long for every guess.
    """
    token = _known(tx, secret)
    return None if token is None or token.tenant else token


def check_tenant(tx: Transaction, secret: str) -> Token | None:
    """The directory's token that this is the secret of; None for nobody's."""
    token = _known(tx, secret)
    return token if token is not None and token.tenant else None


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


def revoke_of(tx: Transaction, user_name: str) -> bool:
    """Make the token for the admin API worthless that has a user's name, whatever its case."""
    theirs = (func.lower(tokens.c.name) == user_name.lower(), tokens.c.tenant.is_(None))
    return tx.execute(delete(tokens).where(*theirs)).rowcount > 0


def every(tx: Transaction) -> list[Token]:
    """All tokens for the admin API, by name."""
    return _listed(tx, tokens.c.tenant.is_(None))


def every_tenant(tx: Transaction) -> list[Token]:
    """All tokens of directories, by name."""
    return _listed(tx, tokens.c.tenant.is_not(None))


def _listed(tx: Transaction, which: ColumnElement[bool]) -> list[Token]:
    rows = tx.execute(select(tokens).where(which).order_by(tokens.c.name))
    return [_token(row) for row in rows]


def _known(tx: Transaction, secret: str) -> Token | None:
    given, found = _digest(secret), None
    for row in tx.execute(select(tokens)):
        if hmac.compare_digest(row.digest, given):
            found = _token(row)
    return found


def _token(row: Row[Any]) -> Token:
    return Token(row.name, row.created_at, row.last_used_at, row.tenant or "")


def _check(name: str, what: str) -> None:
    if not _NAME.fullmatch(name):
        raise BadName(
            f"a {what} cannot be called {name!r}: up to 40 letters, digits and . _ @ -, "
            "the first a letter or digit"
        )


def _digest(secret: str) -> str:
    # A secret of 256 random bits needs no salt and no slow hash: nobody can guess it.
    return sha256(secret.encode(errors="surrogateescape")).hexdigest()
