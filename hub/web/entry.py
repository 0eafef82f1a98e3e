"""Who may come in: the admin API asks for a token in every request."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from hub.store import access
from hub.store.database import Database, Unavailable
from hub.web.problems import Problem

NOTING = 0.2  # seconds that a reader waits, once a minute, to note that a token was used

bearer = HTTPBearer(auto_error=False, description="A token made by `hub token new NAME`.")
Given = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


def guard(db: Database, clock: Callable[[], float]) -> Callable[[Given], str]:
    """A dependency that gives the name of the token; raises `Problem` 401."""

    def holder(given: Given) -> str:
        now = clock()
        with db.read() as tx:
            token = access.check(tx, given.credentials) if given else None
        if token is None:
            raise Problem(
                401,
                "The admin API needs a token, as `Authorization: Bearer hub_...`."
                if given is None
                else "This token is not, or no longer, valid.",
                "Make one with `hub token new NAME`.",
                headers={"WWW-Authenticate": 'Bearer realm="hub admin"'},
            )
        if access.is_stale(token, now):
            # Whoever may read still can while nobody can write.
            with suppress(Unavailable), db.within(NOTING).write() as tx:
                access.note_use(tx, token.name, now)
        return token.name

    return holder
