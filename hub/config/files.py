"""What the configuration files may say: `hub.yaml` and `connections/*.yaml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
)

from hub import registry
from hub.store.attachments import Rules
from hub.sync import ours
from hub.sync.schedule import Cron, Interval, Schedule, time_zone

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _duration(value: Any) -> timedelta:
    """`30s`, `5m`, `1h`, `2d`."""
    written = value.strip() if isinstance(value, str) else ""
    match = re.fullmatch(r"(\d{1,9})\s*([smhd])", written)
    if match is None:
        raise ValueError(
            f"{value!r:.60} is no duration; write a number and s, m, h or d: 30s, 5m, 1h, 2d"
        )
    duration = timedelta(**{UNITS[match[2]]: int(match[1])})
    if duration < timedelta(seconds=1):
        raise ValueError(f"{value!r} is too short; write 1s or more")
    if duration > timedelta(days=31):
        raise ValueError(f"{value!r} is too long; write 31d or less, or a cron expression")
    return duration


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    Field(json_schema_extra={"type": "string", "format": "", "pattern": r"^\d+\s*[smhd]$"}),
]


def _cron(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(  # noqa: TRY004 -- pydantic takes these
            f"{value!r:.60} is no cron expression; write five fields: '30 2 * * *'"
        )
    return Cron.of(value, time_zone("UTC")).expression


CronExpression = Annotated[
    str, BeforeValidator(_cron), Field(json_schema_extra={"pattern": r"^\s*\S+(\s+\S+){4}\s*$"})
]


ContentType = Annotated[str, Field(pattern=r"^[a-z0-9.+*-]+/[a-z0-9.+*-]+$")]


class Part(BaseModel):
    """A piece of a file: unknown keys are errors, values do not show in them."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Listen(Part):
    """Where the hub's own web server listens."""

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 for all.")
    port: int = Field(8080, ge=0, le=65535, description="0 takes any free port.")


class Hooks(Part):
    """Where webhooks reach us, and their limits."""

    max_body: int = Field(
        1_048_576, ge=1024, le=20_971_520, description="Bytes; a larger one is answered with 413."
    )
    public_url: str = Field(
        "",
        description="The hub's address as other systems reach it, https://hub.example.com. Where "
        "it is given, those that must be asked to send webhooks are asked.",
    )

    @field_validator("public_url")
    @classmethod
    def _is_an_origin(cls, value: str) -> str:
        parts = urlsplit(value)
        local = parts.hostname in {"127.0.0.1", "localhost", "::1"}
        if value and not (parts.scheme == "https" or (local and parts.scheme == "http")):
            raise ValueError("must begin with https://: others will send us their records there")
        if value and (not parts.hostname or parts.username or parts.query or parts.fragment):
            raise ValueError("must be an address without user, ? and #: https://hub.example.com")
        return value.rstrip("/")


class Attachments(Part):
    """Where the content of files is kept, and which files the hub takes."""

    folder: str = Field(
        "attachments",
        description="The folder with the content, named by digest; beside hub.yaml if relative.",
    )
    max_size: int = Field(
        25 * 1024 * 1024, ge=1, description="Bytes; a larger file becomes a dead letter."
    )
    allowed: list[ContentType] = Field(
        [], description="Content types that are taken, as image/* or application/pdf; all if empty."
    )
    blocked: list[ContentType] = Field(
        ["application/x-msdownload", "application/x-dosexec", "application/x-sh"],
        description="Content types that are not taken.",
    )


def rules_of(told: Attachments) -> Rules:
    """Which files the hub takes."""
    return Rules(told.max_size, tuple(told.allowed), tuple(told.blocked))


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
        repr=False,  # it may hold a password
        description="Where records, links and jobs are kept: a file, beside hub.yaml if relative, "
        "or postgresql://user@host:5432/name. HUB_DATABASE in the environment overrules it.",
    )
    threads: int = Field(4, ge=1, le=64, description="Jobs that one process does at a time.")
    listen: Listen = Field(Listen(), description="Where the hub's own web server listens.")
    hooks: Hooks = Field(Hooks(), description="Where webhooks reach us, and their limits.")
    attachments: Attachments = Field(
        Attachments(), description="Where the content of files is kept, and which are taken."
    )
    log: Log = Field(Log(), description="How the hub writes its log, to standard error.")


class StreamSettings(Part):
    """How one stream of a connection is synced: polled `every` so often, or at times of `cron`."""

    model_config = ConfigDict(
        json_schema_extra={
            "not": {"required": ["every", "cron"]},
            "dependentRequired": {"time_zone": ["cron"]},
        }
    )

    every: Duration | None = Field(
        None, description="How often it is polled, as 30s, 5m, 1h or 2d; default: the spoke's."
    )
    cron: CronExpression | None = Field(
        None,
        description="When it is polled, in place of every: minute, hour, day of month, month and "
        "day of week, as '30 2 * * *' for 02:30 every day.",
    )
    time_zone: str | None = Field(
        None, description="Whose clocks cron goes by, as Europe/Berlin; default: UTC."
    )

    @field_validator("cron")
    @classmethod
    def _one_of_two(cls, value: str | None, given: ValidationInfo) -> str | None:
        if value and given.data.get("every"):
            raise ValueError(f"{value!r} stands beside every: keep one of the two")
        return value

    @field_validator("time_zone")
    @classmethod
    def _of_cron(cls, value: str | None, given: ValidationInfo) -> str | None:
        if value is not None:
            time_zone(value)
            if given.data.get("cron", "faulty") is None:
                raise ValueError(f"{value!r} is for cron, which is not here: add it, or leave this")
        return value

    def schedule(self) -> Schedule | None:
        """When the stream is polled; None for when its spoke says."""
        if self.cron:
            return Cron.of(self.cron, time_zone(self.time_zone or "UTC"))
        return Interval(self.every) if self.every else None


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
    rank: int = Field(
        0,
        ge=0,
        le=1000,
        description="Whose value stays where a mapping's owner is rank: the higher one's. What is "
        "written in the hub itself has 100.",
    )
    clock_skew: Duration = Field(
        default_factory=lambda: timedelta(seconds=2),
        description="How far its clock and the hub's may be apart: changes that are no further "
        "apart count as made at once, and the higher rank wins (owner newest).",
    )
    remember: bool = Field(
        default=False,
        description="Keep each record as it came, until it is gone: a changed mapping can then be "
        "tried, and read them all again, without asking the other system (hub remap).",
    )


def schemas() -> Mapping[str, dict[str, Any]]:
    """JSON Schemas for editors, by file name. The connection's knows every spoke's settings."""
    connection = ConnectionFile.model_json_schema()
    connection["properties"]["spoke"]["enum"] = [*registry.names(), ours.NAME]
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
