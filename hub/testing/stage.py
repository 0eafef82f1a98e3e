"""A spoke before its own sandbox, handled as the engine would handle it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import count, islice
from pathlib import Path
from typing import Any, Self, TypeVar
from uuid import NAMESPACE_OID, uuid5

import orjson

from hub.abilities import Attaches, Counts, Recalls, WritesMany
from hub.errors import RateLimited
from hub.http import MemoryTokens, Rate, Transport
from hub.spoke import (
    LISTED,
    Change,
    Fetches,
    JsonObject,
    Page,
    Pulls,
    Receives,
    Spoke,
    Stream,
    Writes,
)
from hub.testing.example import Example, numbered, read
from hub.testing.sandbox import Sandbox

MANY = 1_000
"""More pages than any rule makes a sandbox fill."""
WAITS = 200
"""How often a pull is allowed to be told to wait."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Subject:
    """A spoke under test: the class, its recorded example, and its sandbox if there is one.

    `mappings` is the folder with the mappings that ship with it.
    """

    name: str
    spoke: type[Spoke]
    example: Example
    sandbox: type[Sandbox] | None = None
    mappings: Path | None = None

    def __str__(self) -> str:
        return self.name

    @property
    def mapped_as(self) -> str:
        """How its mappings call it: as their folder is called."""
        return self.mappings.name if self.mappings else self.name

    def can(self, capability: type) -> bool:
        return issubclass(self.spoke, capability)

    def build(self, transport: Transport | None = None, **settings: Any) -> Spoke:
        """The spoke with the settings of its recording."""
        spoke = _unpaced(self.spoke).model_validate(self.example.settings | settings)
        now = self.example.now
        return spoke.using(
            transport=transport, clock=(lambda: now) if now else None, sleep=_not_at_all
        )

    def vendor(self) -> Sandbox:
        """A new sandbox with what the example wants of it; raises `LookupError` without any."""
        if self.sandbox is None:
            raise LookupError(f"{self.name} has no sandbox")
        return self.sandbox(**self.example.sandbox)  # type: ignore[arg-type]

    def stream(self, name: str) -> Stream:
        found = [stream for stream in self.spoke.streams if stream.name == name]
        assert found, f"example.yaml names the stream {name!r}, which {self.name} does not have"
        return found[0]

    def streams(self) -> list[str]:
        """The names of its streams, in the order of the example."""
        return list(self.example.streams)


def subjects(
    folder: Path,
    find: Callable[[str], type[Spoke]],
    sandbox: Callable[[str], type[Sandbox]],
    mappings: Path,
) -> list[Subject]:
    """A subject for every `<spoke>/example.yaml` below a folder.

    `find` and `sandbox` are the registry's; a LookupError of the latter means that there is none.
    `mappings` has a folder for each spoke.
    """
    return [
        Subject(
            name,
            find(name),
            read(folder / name / "example.yaml"),
            _or_none(sandbox, name),
            mappings / name,
        )
        for name in sorted(path.parent.name for path in folder.glob("*/example.yaml"))
    ]


class Stage:
    """A served sandbox and a spoke that reaches it, by the sandbox's clock."""

    def __init__(self, subject: Subject, sandbox: Sandbox) -> None:
        self.subject, self.sandbox = subject, sandbox
        self._tokens = MemoryTokens()
        self._built: list[Spoke] = []
        self._numbers = count(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for spoke in self._built:
            close(spoke)

    def spoke(self, **settings: Any) -> Spoke:
        """A new spoke, as after a restart of the hub: only the stored tokens are kept."""
        spoke = _unpaced(self.subject.spoke).model_validate(self.sandbox.settings() | settings)
        spoke = spoke.using(clock=self.sandbox.clock.now, tokens=self._tokens, sleep=_not_at_all)
        self._built.append(spoke)
        return spoke

    # -- what users do ---------------------------------------------------------------------------

    def now(self) -> datetime:
        """The vendor's time, in whole seconds as vendors stamp records."""
        return self.sandbox.clock.now().replace(microsecond=0)

    def settle(self) -> None:
        """Let ten minutes pass: longer than any horizon or overlap."""
        self.sandbox.clock.advance(timedelta(minutes=10))

    def create(self, stream: str, data: JsonObject | None = None, **when: datetime) -> str:
        """Create a record, of `data` if given; `at` and `visible_at` as `Sandbox.mutate` says."""
        data = data or self.sample(self.subject.example.streams[stream].create)
        return self._mutate({"do": "create", "stream": stream, "data": data}, when)

    def begin(self, stream: str, page_size: int | None = None) -> str:
        """Where a pull ends that has seen all there is; from now on pages are this small.

        Records that a sandbox holds to begin with would make a rule about small pages endless.
        An hour passes, so that `create_spread` makes records after this cursor.
        """
        self.sandbox.page_size = None
        cursor = self.pull(stream)[-1].cursor
        self.sandbox.clock.advance(timedelta(hours=1))
        self.sandbox.page_size = page_size
        return cursor

    def lists(self, stream: str) -> bool:
        """Whether every pull lists all that there is: nobody there can say what changed."""
        return self.pull(stream)[-1].cursor == LISTED

    def create_spread(self, stream: str, number: int) -> list[str]:
        """Create records whose times are a minute apart and in the past, oldest first."""
        start = self.now() - timedelta(minutes=number + 20)
        return [self.create(stream, at=start + timedelta(minutes=n)) for n in range(number)]

    def update(self, stream: str, id: str, **when: datetime) -> str:
        data = self.sample(self.subject.example.streams[stream].update)
        return self._mutate({"do": "update", "stream": stream, "id": id, "data": data}, when)

    def delete(self, stream: str, id: str) -> str:
        return self._mutate({"do": "delete", "stream": stream, "id": id}, {})

    def ids(self, stream: str) -> list[str]:
        """The external ids that exist now."""
        with self.sandbox.lock:
            return [str(one) for one in self.sandbox.mutate({"do": "list", "stream": stream})]

    def sample(self, data: JsonObject) -> JsonObject:
        """Sample data for a write, made unique."""
        made: JsonObject = numbered(data, next(self._numbers))
        return made

    def _mutate(self, command: JsonObject, when: dict[str, datetime]) -> str:
        times = {name: at.isoformat() for name, at in when.items()}
        with self.sandbox.lock:
            return str(self.sandbox.mutate({**command, **times}))

    # -- what the engine does --------------------------------------------------------------------

    def pages(self, stream: str, cursor: str | None = None) -> Iterator[Page]:
        """Pull as the engine does: told to wait, it resumes later with the last page's cursor."""
        for _ in range(WAITS):
            spoke = pulls(self.spoke())
            try:
                after = None if cursor == LISTED else cursor
                for page in spoke.pull(self.subject.stream(stream), after):
                    cursor = page.cursor
                    yield page
            except RateLimited as limit:
                self.sandbox.clock.advance(limit.retry_after)
            else:
                return
        raise AssertionError(f"{stream}: told to wait more than {WAITS} times")

    def pull(self, stream: str, cursor: str | None = None, most: int = MANY) -> list[Page]:
        """At most so many pages; an endless pull fails."""
        pages = list(islice(self.pages(stream, cursor), most))
        assert len(pages) < MANY, f"the pull of {stream} never ends: is the cursor sent?"
        return pages

    def patiently(self, call: Callable[[], Result]) -> Result:
        """Call, and again after every wait that the vendor asks for."""
        for _ in range(WAITS):
            try:
                return call()
            except RateLimited as limit:
                self.sandbox.clock.advance(limit.retry_after)
        raise AssertionError(f"told to wait more than {WAITS} times")

    def changes(self, stream: str, pages: Iterable[Page]) -> list[Change]:
        return changes(self.subject, stream, pages)


def key(text: str) -> str:
    """A key as the hub gives it to a creation: the sys_id of a record of ours."""
    return uuid5(NAMESPACE_OID, text).hex


def changes(subject: Subject, stream: str, pages: Iterable[Page]) -> list[Change]:
    """The changes in pages; those of a raw body by the places that the example names."""
    return [change for page in pages for change in _changes(subject, stream, page)]


def pulls(spoke: Spoke) -> Pulls:
    assert isinstance(spoke, Pulls)
    return spoke


def fetches(spoke: Spoke) -> Fetches:
    assert isinstance(spoke, Fetches)
    return spoke


def receives(spoke: Spoke) -> Receives:
    assert isinstance(spoke, Receives)
    return spoke


def writes(spoke: Spoke) -> Writes:
    assert isinstance(spoke, Writes)
    return spoke


def writes_many(spoke: Spoke) -> WritesMany:
    assert isinstance(spoke, WritesMany)
    return spoke


def attaches(spoke: Spoke) -> Attaches:
    assert isinstance(spoke, Attaches)
    return spoke


def recalls(spoke: Spoke) -> Recalls:
    assert isinstance(spoke, Recalls)
    return spoke


def counts(spoke: Spoke) -> Counts:
    assert isinstance(spoke, Counts)
    return spoke


def close(spoke: Spoke) -> None:
    """Close the connections of a spoke that opened any."""
    if "http" in spoke.__dict__:
        spoke.http.close()


def _changes(subject: Subject, stream: str, page: Page) -> list[Change]:
    places = subject.example.streams[stream]
    if page.body is None:
        return [
            Change(change.stream, change.id, None, change.version)
            if change.data is not None and places.deleted and _at(change.data, places.deleted)
            else change
            for change in page.changes
        ]
    assert places.key, f"example.yaml: streams.{stream}.key must say where a record's id stands"
    return [
        Change(
            stream,
            str(_at(record, places.key)),
            None if places.deleted and _at(record, places.deleted) else record,
            str(_at(record, places.version) or ""),
        )
        for record in _at(orjson.loads(page.body), page.at)
    ]


def _at(value: Any, path: str) -> Any:
    for name in filter(None, path.split(".")):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _not_at_all(seconds: float) -> None:
    """How a spoke waits for a sandbox: what fails shall fail soon."""


@cache
def _unpaced(spoke: type[Spoke]) -> type[Spoke]:
    """The same spoke without its pace: a sandbox on this machine need not be spared."""
    quick = {"rate": Rate(calls=100_000), "__module__": spoke.__module__, "__doc__": spoke.__doc__}
    return type(spoke.__name__, (spoke,), quick)


def _or_none(sandbox: Callable[[str], type[Sandbox]], name: str) -> type[Sandbox] | None:
    try:
        return sandbox(name)
    except LookupError:
        return None
