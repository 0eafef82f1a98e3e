"""Who may come in: the admin API asks for a token in every request."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from hub.store import access
from hub.store.access import Token
from hub.store.database import Database, Transaction, Unavailable
from hub.web.problems import Problem

NOTING = 0.2  # seconds that a reader waits, once a minute, to note that a token was used

bearer = HTTPBearer(auto_error=False, description="A token made by `hub token new NAME`.")
Given = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


def guard(db: Database, clock: Callable[[], float]) -> Callable[[Given], str]:
    """A dependency that gives the name of the token; raises `Problem` 401."""

    def holder(given: Given) -> str:
        token = known(db, clock(), given.credentials, access.check) if given else None
        if token is None:
            raise Problem(
                401,
                "The admin API needs a token, as `Authorization: Bearer hub_...`."
                if given is None
                else "This token is not, or no longer, valid.",
                "Make one with `hub token new NAME`.",
                headers={"WWW-Authenticate": 'Bearer realm="hub admin"'},
            )
        return token.name

    return holder


def known(
    db: Database, now: float, secret: str, check: Callable[[Transaction, str], Token | None]
) -> Token | None:
    """The token that this is the secret of, whose use is noted; None for nobody's."""
    with db.read() as tx:
        token = check(tx, secret)
    if token is not None and access.is_stale(token, now):
        # Whoever may read still can while nobody can write.
        with suppress(Unavailable), db.within(NOTING).write() as tx:
            access.note_use(tx, token.name, now)
    return token
