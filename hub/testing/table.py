"""The records of a sandbox, by stream, each with all the states that it ever had.

A sandbox that keeps its records here need only say how they look over HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from hub.testing.clock import Clock
from hub.testing.wire import BadCommand

JsonObject = dict[str, Any]


class Tables:
    """Records with `id`, `changed` (ISO 8601, whole seconds) and `deleted` beside the vendor's own.

    Not safe for many threads: `Sandbox.answer` and `mutate` run one at a time.
    """

    def __init__(self, clock: Clock, streams: Iterable[str]) -> None:
        self._clock = clock
        self._states: dict[str, dict[str, list[tuple[datetime, JsonObject]]]] = {
            stream: {} for stream in streams
        }
        self._keys: dict[tuple[str, str], str] = {}

    def rows(self, stream: str) -> list[JsonObject]:
        """Every record that the API shows now, deleted ones too, oldest change first."""
        shown = [row for id in self._of(stream) if (row := self.get(stream, id))]
        return sorted(shown, key=lambda row: (row["changed"], row["id"]))

    def get(self, stream: str, id: str) -> JsonObject | None:
        """A record as the API shows it now; None for one that never was, or is not visible yet."""
        now = self._clock.now()
        states = [row for seen, row in self._of(stream).get(id, []) if seen <= now]
        return states[-1] if states else None

    def create(self, stream: str, data: JsonObject, *, key: str = "") -> JsonObject:
        """A new record; the one that is there already for a `key` that was used before."""
        known = self._keys.get((stream, key)) if key else None
        id = known or self._new(stream, data, {})
        if key:
            self._keys[stream, key] = id
        return self._newest(stream, id)

    def change(self, stream: str, id: str, data: JsonObject) -> JsonObject:
        """The record with these fields changed. Raises `BadCommand` for an unknown id."""
        self._keep(stream, self._newest(stream, id) | data, {})
        return self._newest(stream, id)

    def obey(self, command: JsonObject) -> Any:
        """What every sandbox understands (`Sandbox.mutate`), but for tokens; raises `BadCommand`."""
        match command:
            case {"do": "list", "stream": str(stream)}:
                return [row["id"] for row in self.rows(stream) if not row["deleted"]]
            case {"do": "create", "stream": str(stream), "data": dict(data)}:
                return self._new(stream, data, command)
            case {"do": "update", "stream": str(stream), "id": str(id), "data": dict(data)}:
                return self._keep(stream, self._newest(stream, id) | data, command)
            case {"do": "delete" | "undelete" as verb, "stream": str(stream), "id": str(id)}:
                row = self._newest(stream, id) | {"deleted": verb == "delete"}
                return self._keep(stream, row, command)
            case _:
                raise BadCommand(f"nobody here understands {command!r}")

    def _of(self, stream: str) -> dict[str, list[tuple[datetime, JsonObject]]]:
        if stream not in self._states:
            known = ", ".join(self._states)
            raise BadCommand(f"there is no stream {stream!r}; there are: {known}")
        return self._states[stream]

    def _newest(self, stream: str, id: str) -> JsonObject:
        states = self._of(stream).get(id)
        if not states:
            raise BadCommand(f"{stream} has no record {id!r}")
        return states[-1][1]

    def _new(self, stream: str, data: JsonObject, command: JsonObject) -> str:
        id = str(command.get("id") or f"{stream}-{len(self._of(stream)) + 1:05}")
        return self._keep(stream, {**data, "id": id, "deleted": False}, command)

    def _keep(self, stream: str, row: JsonObject, command: JsonObject) -> str:
        now = self._clock.now()
        at = datetime.fromisoformat(command["at"]) if "at" in command else now
        seen = datetime.fromisoformat(command["visible_at"]) if "visible_at" in command else now
        state = row | {"changed": at.replace(microsecond=0).isoformat()}
        self._of(stream).setdefault(row["id"], []).append((seen, state))
        return str(row["id"])
