"""What the configuration files may say: `hub.yaml` and `connections/*.yaml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from hub import registry

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _duration(value: Any) -> timedelta:
    """`30s`, `5m`, `1h`, `2d`."""
    match = re.fullmatch(r"(\d+)\s*([smhd])", value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("write a duration as a number and s, m, h or d: 30s, 5m, 1h, 2d")
    duration = timedelta(**{UNITS[match[2]]: int(match[1])})
    if not timedelta(seconds=1) <= duration <= timedelta(days=31):
        raise ValueError("must be between 1s and 31d")
    return duration


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    Field(json_schema_extra={"type": "string", "format": "", "pattern": r"^\d+\s*[smhd]$"}),
]


class Part(BaseModel):
    """A piece of a file: unknown keys are errors, values do not show in them."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Listen(Part):
    """Where the hub's own web server listens."""

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 for all.")
    port: int = Field(8080, ge=0, le=65535, description="0 takes any free port.")


class Hooks(Part):
    """Limits for webhooks."""

    max_body: int = Field(
        1_048_576, ge=1024, le=20_971_520, description="Bytes; a larger one is answered with 413."
    )


class Log(Part):
    """How the hub writes its log, always to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least that is written down."
    )
    format: Literal["console", "json"] = Field(
        "console", description="Lines for people, or one JSON object a line."
    )


class HubFile(Part):
    """`hub.yaml`: what is true of the whole hub. Every key may be left out."""

    database: str = Field(
        "sqlite:///hub.db",
        description="Where records, links and jobs are kept; a relative file is beside hub.yaml. "
        "HUB_DATABASE in the environment overrules it.",
    )
    threads: int = Field(4, ge=1, le=64, description="Jobs that one process does at a time.")
    listen: Listen = Field(Listen(), description="Where the hub's own web server listens.")
    hooks: Hooks = Field(Hooks(), description="Limits for webhooks.")
    log: Log = Field(Log(), description="How the hub writes its log, to standard error.")


class StreamSettings(Part):
    """How one stream of a connection is synced."""

    every: Duration | None = Field(
        None, description="How often it is polled, as 30s, 5m, 1h or 2d; default: the spoke's."
    )


StreamChoice = Annotated[
    Annotated[StreamSettings, Tag("(on)")] | Annotated[Literal[False], Tag("(off)")],
    Discriminator(lambda value: "(off)" if value is False else "(on)"),
]
"""Settings, or false. The tags are no part of a file: errors leave out what is in brackets."""


class ConnectionFile(Part):
    """`connections/<name>.yaml`: one account of one spoke. The file's name is its name."""

    spoke: str = Field(description="The kind of system: `hub spoke list` shows them.")
    settings: dict[str, Any] = Field(
        default_factory=dict,
        description="The spoke's settings; secrets as ${NAME} or ${file:/path}.",
    )
    streams: dict[str, StreamChoice] = Field(
        default_factory=dict,
        description="Streams to treat otherwise than by default; false leaves one out.",
    )


def schemas() -> Mapping[str, dict[str, Any]]:
    """JSON Schemas for editors, by file name. The connection's knows every spoke's settings."""
    connection = ConnectionFile.model_json_schema()
    connection["properties"]["spoke"]["enum"] = registry.names()
    connection["allOf"] = [
        {
            "if": {"properties": {"spoke": {"const": name}}},
            "then": {"properties": {"settings": _lenient(registry.describe(name).settings)}},
        }
        for name in registry.names()
    ]
    return {"hub.schema.json": HubFile.model_json_schema(), "connection.schema.json": connection}


def _lenient(schema: dict[str, Any]) -> dict[str, Any]:
    """Settings as they stand in a file, where any value may be a `${NAME}`."""
    properties = {
        name: {"anyOf": [part, {"type": "string", "pattern": r"\$\{"}]}
        for name, part in schema.get("properties", {}).items()
    }
    return {**schema, "properties": properties}
