"""What is known of a system before its spoke is written: its streams, and how their records look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import Template
from types import MappingProxyType
from typing import Any, Literal

Kind = Literal["crm", "field_service", "identity", "commerce", "other"]
JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StreamOutline:
    """One stream. `mapping` is its whole mapping file.

    `create` and `update` are what a record says when it is made and when it is changed, as in
    example.yaml: {n} counts.
    """

    name: str
    path: str
    mapping: str
    create: JsonObject
    update: JsonObject


@dataclass(frozen=True, slots=True)
class Outline:
    """A system. `unsure` has what was guessed or left out, a line each."""

    streams: tuple[StreamOutline, ...]
    unsure: tuple[str, ...] = ()


_INVENTED: Mapping[Kind, tuple[str, JsonObject, JsonObject]] = MappingProxyType(
    {
        "crm": (
            "tickets",
            {"subject": "Till {n} is dead", "body": "Since Monday.", "status": "new",
             "channel": "mail", "created": "2026-05-01T10:00:00Z"},
            {"subject": "Till {n} is dead again"},
        ),
        "field_service": (
            "work_orders",
            {"title": "Door {n} sticks", "instructions": "Bring oil.", "status": "ready",
             "planned": "2026-05-02T08:00:00Z"},
            {"title": "Door {n} sticks again"},
        ),
        "identity": (
            "users",
            {"login": "greta.{n}", "given_name": "Greta {n}", "family_name": "Lindqvist",
             "mail": "greta.{n}@example.com", "mail_verified": True, "active": True},
            {"given_name": "Margareta {n}"},
        ),
        "commerce": (
            "orders",
            {"number": "10{n}", "placed": "2026-05-01T10:00:00Z", "total": "19.90",
             "status": "open", "note": "Ring {n} times"},
            {"note": "Ring {n} times, then knock"},
        ),
        "other": (
            "tickets",
            {"subject": "Till {n} is dead", "body": "Since Monday.", "status": "new",
             "created": "2026-05-01T10:00:00Z"},
            {"subject": "Till {n} is dead again"},
        ),
    }
)  # fmt: skip


def invented(kind: Kind, name: str, title: str, mapping: Template) -> Outline:
    """An ordinary system of this kind, for want of a description of the real one."""
    stream, create, update = _INVENTED[kind]
    text = mapping.substitute(name=name, title=title)
    return Outline((StreamOutline(stream, f"/v1/{stream}", text, create, update),))
