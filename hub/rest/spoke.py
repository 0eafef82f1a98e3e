"""The spoke class that a `spoke.yaml` stands for, with exactly the capabilities that it declares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, create_model, model_validator

from hub.abilities import Counts
from hub.http import Auth, Quota, Response
from hub.rest import auths, by_time, by_tokens, counting, events, fetching, refusals, schemes
from hub.rest.account import Account
from hub.rest.checks import BY_TIME
from hub.rest.document import read
from hub.rest.handshakes import HANDSHAKES
from hub.rest.language import Declaration, Setting, Webhooks
from hub.rest.language import Stream as Told
from hub.rest.source import Source
from hub.rest.writing import Writer
from hub.spoke import (
    Change,
    Cursor,
    Fetches,
    Greeting,
    Hint,
    Page,
    Pulls,
    Receipt,
    Receives,
    Secret,
    Spoke,
    Stream,
    SyncError,
    Webhook,
    Write,
    Writes,
)


class RestSpoke(Spoke):
    """What all spokes in YAML have in common; its own names begin with _, as no setting's does."""

    _declaration: ClassVar[Declaration]

    def auth(self) -> Auth | None:
        how = self._declaration.auth
        if how is None:
            return None
        return auths.of(
            how,
            secret=self._secret,
            text=self._text,
            url=self.url,
            hosts=self.hosts,
            sandbox=self.sandbox,
            tokens=self._tokens,
            clock=self._clock,
        )

    def translate(self, response: Response) -> SyncError | None:
        return refusals.read(self._declaration.errors, response)

    def _secret(self, name: str) -> Secret:
        """The value of a setting that must be one."""
        value = getattr(self, name)
        return value if isinstance(value, Secret) else Secret(value or "")

    def _text(self, name: str) -> str:
        """The value of a setting, empty if it is not set."""
        value = getattr(self, name)
        return value.get_secret_value() if isinstance(value, Secret) else value or ""

    @property
    def _account(self) -> Account:
        declared = self._declaration.settings.items()
        plain = {name: self._text(name) for name, setting in declared if not setting.secret}
        return Account(self.http, self._declaration.headers, plain)


class Lists(RestSpoke, Pulls):
    """A spoke with a stream that has a `path`."""

    def pull(self, stream: Stream, cursor: Cursor | None) -> Iterator[Page]:
        told = self._declaration.streams[stream.name]
        if told.path is None:
            return iter(())
        source = Source(self._account, stream.name, told, self.translate)
        now = self._clock()
        if told.since and _is_by_time(told):
            return by_time.pull(source, told.since, cursor, now)
        return by_tokens.pull(source, cursor, now)


class Tallies(RestSpoke, Counts):
    """A spoke with a stream that has a `count`."""

    def count(self, stream: Stream, since: datetime | None) -> int | None:
        told = self._declaration.streams[stream.name]
        if told.count is None:
            return None
        source = Source(self._account, stream.name, told, self.translate)
        return counting.counted(source, told.count, since)


class Reads(RestSpoke, Fetches):
    """A spoke with a stream that has a `fetch`."""

    def fetch(self, stream: Stream, ids: Sequence[str]) -> Iterator[Change]:
        told = self._declaration.streams[stream.name]
        return fetching.fetch(self._account, stream.name, told, ids)


class Hears(RestSpoke, Receives):
    """A spoke with `webhooks`."""

    @property
    def _webhooks(self) -> Webhooks:
        assert self._declaration.webhooks is not None, "who has no webhooks is no `Receives`"
        return self._declaration.webhooks

    @model_validator(mode="after")
    def _can_verify(self) -> Self:
        for name in self._webhooks.secrets:
            if getattr(self, name) is not None:
                try:
                    schemes.check_secret(self._webhooks, self._secret(name))
                except ValueError as error:
                    raise ValueError(f"{name} {error}") from None
        return self

    def verify(self, hook: Webhook) -> None:
        secrets = [self._secret(name) for name in self._webhooks.secrets if self._text(name)]
        schemes.verify(self._webhooks, hook, secrets, self._clock())

    def parse(self, hook: Webhook) -> Iterable[Change | Hint]:
        return events.parse(self._webhooks, self._declaration.streams, hook)

    def delivery(self, hook: Webhook) -> str:
        return events.delivery(self._webhooks, hook)


class Greets(Hears):
    """A spoke whose webhooks begin with a `handshake`."""

    def handshake(self, hook: Webhook) -> Greeting | None:
        how = self._webhooks.handshake
        assert how is not None, "who has no handshake is no `Greets`"
        token = self._secret(how.token) if how.token else None
        return HANDSHAKES[how.kind](hook, token, self.verify)


class Stores(RestSpoke, Writes):
    """A spoke with a stream that has `create`, `update` or `delete`."""

    def upsert(self, stream: Stream, write: Write) -> Receipt:
        return self._writer(stream).upsert(write)

    def delete(self, stream: Stream, id: str) -> None:
        self._writer(stream).delete(id)

    def _writer(self, stream: Stream) -> Writer:
        return Writer(self._account, stream.name, self._declaration.streams[stream.name])


def load(path: Path, *, module: str = __name__) -> type[Spoke]:
    """The spoke class of a `spoke.yaml`; raises `BadSpoke` with all of the file's faults.

    `module` is the package that the file lies in, if it is to be found by its class.
    """
    return spoke_of(read(path), module=module)


def spoke_of(declaration: Declaration, *, module: str = __name__) -> type[Spoke]:
    """The class that a declaration stands for; its fields are the settings."""
    fields: dict[str, Any] = {
        name: _field(setting) for name, setting in declaration.settings.items()
    }
    named = "".join(part.capitalize() for part in declaration.spoke.split("_"))
    made = _model(named, _bases(declaration), module, declaration.about, fields)
    made._declaration = declaration  # noqa: SLF001 -- no setting can be called so
    made.kind = declaration.kind
    made.rate = declaration.rate
    if declaration.quota:
        made.quota = Quota(declaration.quota.per, declaration.quota.calls)
    made.hosts = tuple(declaration.hosts)
    made.streams = tuple(
        Stream(name, told.every, complete=told.complete, by_time=_is_by_time(told))
        for name, told in declaration.streams.items()
    )
    return made


def _is_by_time(told: Told) -> bool:
    return told.since is not None and told.pages is not None and told.pages.by in BY_TIME


def _model(
    name: str, bases: tuple[type[RestSpoke], ...], module: str, about: str, fields: dict[str, Any]
) -> type[RestSpoke]:
    return create_model(name, __base__=bases, __module__=module, __doc__=about, **fields)


def _bases(declaration: Declaration) -> tuple[type[RestSpoke], ...]:
    streams = declaration.streams.values()
    webhooks = declaration.webhooks
    can: list[type[RestSpoke]] = []
    if any(stream.path for stream in streams):
        can.append(Lists)
    if any(stream.count for stream in streams):
        can.append(Tallies)
    if any(stream.fetch for stream in streams):
        can.append(Reads)
    if webhooks:
        can.append(Greets if webhooks.handshake else Hears)
    if any(stream.create or stream.update or stream.delete for stream in streams):
        can.append(Stores)
    return tuple(can)


def _field(setting: Setting) -> tuple[Any, Any]:
    kind = Secret if setting.secret else str
    if setting.default is not None:
        return kind, Field(setting.default, description=setting.about or None)
    if setting.required:
        return kind, Field(description=setting.about or None)
    return kind | None, Field(None, description=setting.about or None)
