"""The language of `spoke.yaml`: every key that there is, and nothing that could be a program.

Read by `hub.rest.document`, which adds what no single key can know. docs/rest.md explains it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from hub.http import Rate
from hub.rest.auths import Auth
from hub.rest.words import (
    Address,
    Duration,
    Header,
    Part,
    Path,
    RateText,
    Request,
    SettingRef,
    Template,
)

Means = Literal[
    "transient", "rate_limited", "auth_failed", "conflict", "cursor_lost", "permanent", "not_found"
]
TimeFormat = Literal["iso", "epoch", "epoch_ms", "date"]
Literal_ = str | int | bool
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


def _or_short(key: str) -> Callable[[dict[str, Any]], None]:
    """In the JSON Schema: the value of one key alone may stand for the whole."""

    def widen(schema: dict[str, Any]) -> None:
        whole = dict(schema)
        schema.clear()
        schema["anyOf"] = [{"type": "string", "description": f"The same as {{{key}: …}}."}, whole]

    return widen


def _short(key: str) -> BeforeValidator:
    return BeforeValidator(lambda value: {key: value} if isinstance(value, str) else value)


# -- settings and errors


def _setting(value: Any) -> Any:
    return {"secret": value == "secret"} if value in ("text", "secret") else value


def _setting_schema(schema: dict[str, Any]) -> None:
    whole = dict(schema)
    schema.clear()
    schema["anyOf"] = [{"enum": ["text", "secret"]}, whole]


class Setting(Part):
    """One field of a connection's settings."""

    model_config = ConfigDict(json_schema_extra=_setting_schema)

    secret: bool = Field(False, description="Masked everywhere; comes from ${NAMES} only.")
    required: bool = True
    default: str | None = Field(None, description="Never for a secret.")
    about: str = ""


class Refusal(Part):
    """A row of `errors`: an answer with this status, and this value at this path, means so."""

    status: int | list[int] | None = None
    at: Path = ""
    equals: Literal_ | list[Literal_] | None = None
    means: Means

    @model_validator(mode="after")
    def _matches_something(self) -> Self:
        if self.status is None and not self.at:
            raise ValueError("needs `status`, or `at`: otherwise it would match every answer")
        return self

    @property
    def statuses(self) -> list[int]:
        return [self.status] if isinstance(self.status, int) else self.status or []

    @property
    def values(self) -> list[Literal_] | None:
        """The values that it matches; None for anything but nothing."""
        if self.equals is None:
            return None
        return self.equals if isinstance(self.equals, list) else [self.equals]


# -- streams

OF_PAGES = {
    "page": {"parameter", "first", "size", "more"},
    "offset": {"parameter", "size", "more"},
    "cursor": {"parameter", "next", "more", "size", "alone", "expired"},
    "link": {"size", "expired"},
    "next_url": {"next", "more", "size", "expired"},
    "keyset": {"parameter", "size", "more"},
}
"""The keys of each way of paging, beside `by`."""
NEEDED = {
    "page": {"parameter"}, "offset": {"parameter"}, "cursor": {"parameter", "next"},
    "link": set[str](), "next_url": {"next"}, "keyset": {"parameter"},
}  # fmt: skip


class Pages(Part):
    """How one page leads to the next."""

    by: Literal["page", "offset", "cursor", "link", "next_url", "keyset"]
    parameter: str = Field("", description="Of the page's number, the offset, cursor or last id.")
    first: int = Field(1, ge=0, description="The number of the first page.")
    next: Path = Field("", description="Where the next cursor or address stands in an answer.")
    more: Path = Field("", description="True in an answer as long as there is another page.")
    size: dict[str, Annotated[int, Field(ge=1)]] = Field(
        default={}, max_length=1, description="The parameter for a page's size, and the size."
    )
    alone: bool = Field(False, description="The cursor is sent without the other parameters.")
    expired: list[int] = Field([410], description="Statuses by which they disown a cursor.")

    @model_validator(mode="after")
    def _has_its_own_keys(self) -> Self:
        given = self.model_fields_set - {"by"}
        if strange := sorted(given - OF_PAGES[self.by]):
            known = ", ".join(sorted(OF_PAGES[self.by]))
            raise ValueError(f"by: {self.by} has no {', '.join(strange)}; it has {known}")
        if missing := sorted(NEEDED[self.by] - given):
            raise ValueError(f"by: {self.by} needs {' and '.join(missing)}")
        return self


class Since(Part):
    """How a list is asked for what changed since a moment, that moment included."""

    model_config = ConfigDict(json_schema_extra=_or_short("parameter"))

    parameter: str
    format: TimeFormat = "iso"
    until: str = Field("", description="The parameter for the end of the window, if there is one.")
    exclusive: bool = Field(False, description="They leave out the moment itself.")
    horizon: Duration = Field(timedelta(seconds=30), description="How near to now we read.")
    overlap: Duration = Field(timedelta(minutes=5), description="How much is read again.")

    @model_validator(mode="after")
    def _days_have_no_end(self) -> Self:
        if self.until and self.format == "date":
            raise ValueError("`until` cannot be a date: it would leave out today")
        return self


class Nested(Part):
    """The records are in a list inside each listed one."""

    at: Path
    parent: Name = Field(description="The key under which a record is given its parent's id.")
    parent_id: Path = "id"


class Tombstones(Part):
    """Deletions, told beside the records (`at`) or in a list of their own (`path`)."""

    at: Path = Field("", description="Where they stand in each answer of the list.")
    path: Address | None = None
    records: Path = ""
    id: Path = Field("", description="Left out: they are bare ids.")
    version: Path = ""

    @model_validator(mode="after")
    def _stand_in_one_place(self) -> Self:
        if bool(self.at) == bool(self.path):
            raise ValueError("needs `at` (in the list's own answers) or `path` (a list of its own)")
        return self


class Count(Part):
    """Where they say how many records there are: in an answer of the list, or at a `path`."""

    model_config = ConfigDict(json_schema_extra=_or_short("at"))

    at: Path = Field(description="Where the number stands in the answer; '' for its top.")
    path: Address | None = Field(None, description="Left out: they are asked for a first page.")
    query: dict[str, Template | int | bool] = Field(
        default={}, description="Parameters beside those of `since`, and of the list's first page."
    )
    whole: bool = Field(False, description="They count all there is, not what changed since.")


class Fetch(Part):
    """One record by its id (`path` with {id}), or many at once (`ids`)."""

    model_config = ConfigDict(json_schema_extra=_or_short("path"))

    path: Address
    ids: str = Field("", description="The parameter that takes ids, separated by commas.")
    at_once: int = Field(50, ge=1, le=500)
    records: Path | None = None


class Find(Part):
    """How a record of theirs is found by our key, before one is created."""

    model_config = ConfigDict(json_schema_extra=_or_short("parameter"))

    parameter: str
    path: Address | None = Field(None, description="The stream's own path by default.")
    records: Path | None = None


class Stream(Part):
    """A collection of records out there."""

    id: Path
    version: Path = ""
    deleted: Path = Field("", description="True in a record that is gone.")
    every: Duration = timedelta(minutes=5)
    complete: bool = Field(True, description="A first pull lists every record that there is.")

    path: Address | None = Field(None, description="Where it is listed; left out, it never is.")
    query: dict[str, Template | int | bool] = Field(default_factory=dict)
    records: Path = Field("", description="Where the list stands in an answer; '' for the top.")
    nested: Nested | None = None
    pages: Pages | None = None
    since: Annotated[Since, _short("parameter")] | None = None
    tombstones: Tombstones | None = None
    count: Annotated[Count, _short("at")] | None = None

    fetch: Annotated[Fetch, _short("path")] | None = None
    record: Path = Field("", description="Where one record stands in an answer.")

    create: Request | None = None
    update: Request | None = None
    delete: Request | None = None
    wrap: Path = Field("", description="Where the record stands in what we send.")
    find: Annotated[Find, _short("parameter")] | None = None
    external_key: Path = Field("", description="The field of theirs that takes our key.")
    idempotency_key: Header | None = None
    etag: str | None = Field(
        None,
        description="What If-Match says: '\"{version}\"'.",
        pattern=r"^[^{}]*\{version\}[^{}]*$",
    )


# -- webhooks


class From(Part):
    """A value of a webhook: in its body, or in a header."""

    model_config = ConfigDict(json_schema_extra=_or_short("body"))

    body: Path | None = None
    header: Header | None = None

    @model_validator(mode="after")
    def _stands_in_one_place(self) -> Self:
        if (self.body is None) == (self.header is None):
            raise ValueError("needs `body` (a path) or `header`")
        return self


class Event(Part):
    """What an event tells: a whole record, a deletion, or only which record to fetch."""

    stream: str
    id: Path = ""
    record: Path | None = Field(None, description="The record is in the webhook; '' for its top.")
    gone: bool = False
    version: Path = Field("", description="Of a deletion: where its time or number stands.")

    @model_validator(mode="after")
    def _names_its_record(self) -> Self:
        if self.gone and self.record is not None:
            raise ValueError("a deletion has no `record`: write `id`")
        if bool(self.id) == (self.record is not None):
            raise ValueError("needs `id` (where the id stands) or `record` (where the record does)")
        if self.version and not self.gone:
            raise ValueError("`version` is for deletions; records have theirs by the stream")
        return self


SchemeName = Literal[
    "standard", "svix", "github", "stripe", "shopify", "slack", "woocommerce", "static"
]
HandshakeName = Literal["meta", "graph", "slack", "okta", "woocommerce"]


class Handshake(Part):
    """How they ask whether an address is ours; `token` is for those who send one along."""

    model_config = ConfigDict(json_schema_extra=_or_short("kind"))

    kind: HandshakeName
    token: SettingRef | None = None

    @model_validator(mode="after")
    def _has_a_token_if_any(self) -> Self:
        if (self.kind == "meta") != (self.token is not None):
            raise ValueError("kind: meta needs `token`, a setting; the others have none")
        return self


class Webhooks(Part):
    """What they send us, and how it proves that it is theirs."""

    scheme: SchemeName
    secrets: Annotated[list[SettingRef], Field(min_length=1, max_length=2)]
    header: Header | None = Field(None, description="Where they call the signature's header so.")
    query: str | None = Field(None, description="static only: the secret is this parameter.")
    prefix: str | None = None
    encoding: Literal["hex", "base64"] | None = None
    tolerance: Duration = timedelta(minutes=5)
    each: Path | None = Field(None, description="A webhook has a list of events; '' for its top.")
    event: Annotated[From, _short("body")] | None = None
    events: Annotated[dict[str, Event], Field(min_length=1)]
    delivery: Annotated[From, _short("body")] | None = None
    handshake: Annotated[Handshake, _short("kind")] | None = None


class Counted(Part):
    """In which time they count our calls, and how many they allow if their answers do not say."""

    model_config = ConfigDict(json_schema_extra=_or_short("per"))

    per: Duration
    calls: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _takes_a_time(self) -> Self:
        if not self.per:
            raise ValueError("per: is no time; write a number and s, m, h or d: 24h")
        return self


class Declaration(Part):
    """A spoke in YAML alone."""

    model_config = ConfigDict(title="spoke.yaml")

    spoke: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", description="The folder's name.")]
    about: Annotated[str, Field(min_length=1, description="What comes in and what goes out.")]
    kind: Literal["crm", "field_service", "identity", "commerce", "other"] = "other"
    hosts: list[Annotated[str, Field(pattern=r"^\*?\.?[a-z0-9-]+(\.[a-z0-9-]+)+$")]] = Field(
        [], description="The host suffixes that a connection's url may have."
    )
    rate: RateText = Rate(calls=10)
    quota: Annotated[Counted, _short("per")] | None = Field(
        None, description="In which time they count calls: 24h."
    )
    settings: dict[Name, Annotated[Setting, BeforeValidator(_setting)]] = Field(
        default_factory=dict
    )
    auth: Auth | None = None
    headers: dict[Header, str] = Field({}, description="Sent with every request.")
    errors: list[Refusal] = Field(default_factory=list)
    streams: Annotated[dict[str, Stream], Field(min_length=1)]
    webhooks: Webhooks | None = None
