"""Parties, written to Tryton: found before they are made, and changed only as they were seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import hub
from spokes.tryton import reading, tables
from spokes.tryton.rpc import Server

STREAM, MODEL = "parties", tables.TABLES["parties"].model
NOBODY: hub.JsonObject = {"identifiers": [], "contact_mechanisms": [], "addresses": []}


def create(server: Server, write: hub.Write) -> hub.Receipt:
    """One party for each key, which stands in an identifier of it."""
    mark = tables.OURS + write.key
    known = reading.records(server, STREAM, [["identifiers.code", "=", mark]])
    if known:
        return update(server, str(known[0]["id"]), hub.Write(None, write.data, write.key))
    values = _Difference(server, NOBODY).of({**write.data, "hub_id": write.key})
    (id,) = server.call(MODEL, "create", [values], context={})
    return hub.Receipt(str(id))


def update(server: Server, id: str, write: hub.Write) -> hub.Receipt:
    """Change what differs. What they changed since raises `Conflict`.

    Their own check sees whole seconds on SQLite, so that the version is compared before, and
    theirs only guards the moment between.
    """
    now = _existing(server, id)
    version = tables.change(STREAM, now).version
    difference = _Difference(server, now)
    values = difference.of(write.data)
    if not values:
        return hub.Receipt(id, version)
    if write.version and write.version != version:
        raise hub.Conflict(f"party {id} changed at {version}; we have seen {write.version}")
    server.call(MODEL, "write", [now["id"]], values, context={"_timestamp": difference.seen})
    return hub.Receipt(id)


def archive(server: Server, id: str) -> None:
    """Parties that anything refers to can never be deleted, so all of them are archived."""
    now = _existing(server, id)
    server.call(MODEL, "write", [now["id"]], {"active": False}, context={})


def _existing(server: Server, id: str) -> hub.JsonObject:
    for record in reading.records(server, STREAM, [["id", "=", int(id)]]):
        if record["active"]:
            return record
    raise hub.NotFound(f"party {id} does not exist, or is archived")


@dataclass(frozen=True, slots=True)
class _Difference:
    """What has to be written to a party, as Tryton wants it; `seen` is what it was decided by."""

    server: Server
    now: hub.JsonObject
    seen: dict[str, str] = field(default_factory=dict[str, str])

    def of(self, data: hub.JsonObject) -> hub.JsonObject:
        """Values for `write` or `create`; empty if they say all of `data` already."""
        self._note(MODEL, self.now)
        values: dict[str, Any] = {}
        for name, value in data.items():
            if name == "hub_id":
                if tables.our_id(self.now) != value:
                    made = {"code": f"{tables.OURS}{value}"}
                    values["identifiers"] = [["create", [made]]]
            elif name in tables.MECHANISMS:
                values.setdefault("contact_mechanisms", []).extend(self._mechanism(name, value))
            elif name == "address":
                values["addresses"] = self._address(value)
            elif self.now.get(name) != value:
                values[name] = value
        return {name: value for name, value in values.items() if value != []}

    def _mechanism(self, kind: str, value: str | None) -> list[Any]:
        found = tables.mechanism_of(self.now, kind)
        if found is None:
            return [["create", [{"type": kind, "value": value}]]] if value else []
        if found["value"] == (value or None):
            return []
        self._note("party.contact_mechanism", found)
        if not value:
            return [["delete", [found["id"]]]]
        return [["write", [found["id"]], {"value": value}]]

    def _address(self, said: hub.JsonObject) -> list[Any]:
        found = next(iter(tables.used(self.now, "addresses")), None)
        known = tables.first(self.now)["address"] or {}
        values = {name: one for name, one in said.items() if known.get(name) != one}
        for name in values.keys() & tables.CODES.keys():
            values[name] = self._coded(name, values[name])
        if not values:
            return []
        if found is None:
            return [["create", [values]]]
        self._note("party.address", found)
        return [["write", [found["id"]], values]]

    def _coded(self, name: str, code: str | None) -> int | None:
        if code is None:
            return None
        found = self.server.search_read(tables.CODES[name], [["code", "=", code]], ["code"])
        if not found:
            raise hub.Permanent(
                f"Tryton has no {name} {code!r}: load them there with trytond_import_countries, "
                "or correct the record"
            )
        return int(found[0]["id"])

    def _note(self, model: str, record: hub.JsonObject) -> None:
        if record.get("_timestamp"):
            self.seen[f"{model},{record['id']}"] = record["_timestamp"]
