"""The database's address: `sqlite:///hub.db`, or `postgresql://user@host:5432/name`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from hub.config.secrets import REFERENCE, resolve
from hub.store.database import POSTGRESQL

FORMS = "write sqlite:///hub.db or postgresql://user@host:5432/name"
SECRET = ("password", "sslpassword")
"""Settings of libpq that messages would show; between `:` and `@` a password is masked."""

Complain = Callable[[str], None]


def full(written: str, *, environment: Mapping[str, str], folder: Path, complain: Complain) -> str:
    """An address with its secrets, as `hub.yaml` has it: `postgresql://hub:${PASSWORD}@db/hub`.

    A secret within it may hold any character; one that is all of it is an address.
    """

    def meaning(reference: str) -> str:
        return str(
            resolve(
                reference, environment=environment, folder=folder,
                complain=lambda _, what: complain(what),
            )
        )  # fmt: skip

    if REFERENCE.fullmatch(written):
        return meaning(written)
    return REFERENCE.sub(lambda found: quote(meaning(found[0]), safe=""), written)


def read(address: str, *, folder: Path) -> str:
    """The address with an absolute file; it may hold a password.

    Raises `ValueError`, which shows no part of it that may be one.
    """
    try:
        url = make_url(address)
    except ArgumentError:
        raise ValueError(f"not an address; {FORMS}") from None
    except ValueError:
        raise ValueError(f"its port is no number; {FORMS}") from None
    if url.drivername == "sqlite":
        return _file(url, folder)
    if url.drivername in POSTGRESQL:
        return _server(url)
    raise ValueError(f"{url.drivername!r} is not supported; {FORMS}")


def _file(url: URL, folder: Path) -> str:
    if url.database in {None, "", ":memory:"}:
        raise ValueError("names no file; write sqlite:///hub.db")
    file = folder.absolute() / str(url.database)
    if not file.parent.is_dir():
        raise ValueError(f"no folder {str(file.parent)!r}; make it, or name another")
    return url.set(database=str(file)).render_as_string(hide_password=False)


def _server(url: URL) -> str:
    if not url.database:
        raise ValueError("names no database; write postgresql://user@host:5432/name")
    if "/" in url.database or "@" in (url.host or ""):
        raise ValueError("a '/' or '@' in a name or password is written as %2F or %40")
    for setting in SECRET:
        if setting in url.query:
            raise ValueError(
                f"messages would show its {setting!r}; write postgresql://user:PASSWORD@host/name, "
                "or name a passfile"
            )
    return url.render_as_string(hide_password=False)
