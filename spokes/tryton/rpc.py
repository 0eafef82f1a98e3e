"""Tryton's JSON-RPC: calls, typed values, and what an answer means that says 200 and holds an error.

Facts: trytond 7.0, `protocols/jsonrpc.py`, `protocols/dispatcher.py` and `exceptions.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import hub

ALL: hub.JsonObject = {"active_test": False}
"""The context in which archived records are found too."""

KINDS = frozenset({"ConcurrencyException", "UserError", "UserWarning", "LoginException"})
"""The exceptions of `trytond.exceptions` that a call can end with."""
FORBIDDEN = "You are not allowed to "
"""How refusals for lack of rights begin. They have no code, and speak the user's language."""


@dataclass(frozen=True, slots=True)
class Server:
    """One database of a Tryton server."""

    http: hub.Client
    database: str

    def call(self, model: str, method: str, *arguments: Any, context: hub.JsonObject) -> Any:
        """The result of `model.MODEL.METHOD`; every call must end with a context."""
        asked = {
            "id": 1,  # these three keys, or the answer has another form
            "method": f"model.{model}.{method}",
            "params": [*arguments, context],
        }
        return self.http.post(f"/{self.database}/", json=asked).json()["result"]

    def search_read(
        self,
        model: str,
        domain: Sequence[Any],
        fields: Sequence[str],
        *,
        order: Sequence[tuple[str, str]] = (),
        limit: int | None = None,
    ) -> list[hub.JsonObject]:
        """Records, archived ones too, with plain values in place of typed ones."""
        found = self.call(
            model, "search_read", domain, 0, limit, order or None, fields, context=ALL
        )
        return [plain(record) for record in found]

    def search_count(self, model: str, domain: Sequence[Any]) -> int:
        """How many records there are, archived ones too."""
        return int(self.call(model, "search_count", domain, context=ALL))


def plain(value: Any) -> Any:
    """A value without Tryton's types: moments and days as ISO 8601 in UTC, decimals as text.

    A record that was asked for through another, `country.code`, comes under `country.`: the dot
    is dropped.
    """
    match value:
        case {"__class__": "datetime"}:
            return moment(value).isoformat(timespec="microseconds")
        case {"__class__": "date", "year": year, "month": month, "day": day}:
            return f"{year:04}-{month:02}-{day:02}"
        case {"__class__": "Decimal", "decimal": text}:
            return text
        case dict():
            return {key.removesuffix("."): plain(one) for key, one in value.items()}
        case list():
            return [plain(one) for one in value]
        case _:
            return value


_PARTS = ("year", "month", "day", "hour", "minute", "second", "microsecond")


def moment(value: hub.JsonObject) -> datetime:
    """Their clock is UTC, and says so nowhere."""
    return datetime(**{part: value[part] for part in _PARTS}, tzinfo=UTC)


def typed(at: datetime) -> hub.JsonObject:
    """A moment as a domain must have it: one that is text is compared as text."""
    at = at.astimezone(UTC)
    return {"__class__": "datetime"} | {part: getattr(at, part) for part in _PARTS}


def translate(response: hub.Response) -> hub.SyncError | None:
    """Tryton's own error out of a 200; None where the status, or the result, says it all."""
    if not response.is_success:
        return None
    try:
        body = response.json()
    except ValueError:
        return hub.Transient("Tryton answered 200 with something that is not JSON")
    match body:
        case {"error": error}:
            return _error(error)
        case {"result": _}:
            return None
        case _:
            return hub.Transient("Tryton answered 200 with neither a result nor an error")


def _error(error: Any) -> hub.SyncError:
    match error:
        case [str(kind), said, *_] if kind in KINDS:
            return _named(kind, said)
        case [str(text), *_]:  # an exception of theirs that is meant for nobody, with no code
            return hub.Transient(f"Tryton failed: {text[:200]}")
        case _:
            return hub.Transient("Tryton failed and does not say why")


def _named(kind: str, said: Any) -> hub.SyncError:
    match kind, said:
        case "ConcurrencyException", _:
            return hub.Conflict("Tryton: the record was modified in the meanwhile")
        case "UserError", [str(message), *_] if message.startswith(FORBIDDEN):
            return hub.AuthFailed(f"Tryton: {message} Give the hub's user a group that may")
        case "UserError", [message, *_]:
            return hub.Permanent(f"Tryton refused: {message}")
        case "UserWarning", [name, message, *_]:
            return hub.Permanent(
                f"Tryton asks a person to confirm ({name}): {message}; do it in Tryton, and retry"
            )
        case _:
            return hub.AuthFailed("Tryton wants more than user and password to sign in")
