"""What a spoke says of itself, and what it must never say."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator

import pytest
from pydantic import SecretStr, ValidationError

from hub.abilities import Attaches, Recalls
from hub.http import MockTransport, Request, Response, Transport
from hub.mapping import check_examples
from hub.spoke import Fetches, Pulls, Receives, Spoke, Writes
from hub.testing.conformance.laws import check_pipes
from hub.testing.conformance.operations import operations
from hub.testing.conformance.reasons import not_proven
from hub.testing.replay import Replay
from hub.testing.stage import Subject
from hub.testing.together import loaded

BAD_ADDRESSES = [
    "ftp://{host}",
    "http://{host}",
    "https://user:password@{host}",
    "file:///etc/passwd",
    "https://127.0.0.1",
    "https://169.254.169.254",
    "not an address",
]
SHORTEST_SECRET = 4
"""Shorter texts occur by chance in anything."""


class Declaration:
    def test_is_described_and_has_streams(self, subject: Subject) -> None:
        """A spoke has a docstring, streams with names of their own, and does something."""
        streams = [stream.name for stream in subject.spoke.streams]
        assert (subject.spoke.__doc__ or "").strip(), (
            "say in a docstring what comes in and goes out"
        )
        assert streams, "a spoke has at least one stream"
        assert len(streams) == len(set(streams)), f"streams of one name: {streams}"
        assert any(subject.can(capability) for capability in (Pulls, Fetches, Receives, Writes))

    def test_every_stream_and_capability_has_an_example(self, subject: Subject) -> None:
        """The example names every stream, and records each thing that the spoke can do."""
        example = subject.example
        assert sorted(example.streams) == sorted(stream.name for stream in subject.spoke.streams)
        recorded = {
            Pulls: example.pull,
            Fetches: example.fetch,
            Receives: example.webhook,
            Writes: example.write,
            Attaches: example.attach,
            Recalls: example.recall,
        }
        missing = [c.__name__ for c, told in recorded.items() if subject.can(c) and not told]
        assert not missing, f"example.yaml records nothing for {missing}"

    def test_its_mappings_keep_their_examples(self, subject: Subject) -> None:
        """Each mapping that ships with it fits the store, and has at least three examples that hold; what pipes of its own write, they read as what it was."""
        found = loaded(subject)
        if not found:
            not_proven(f"{subject} ships no mapping")
        for stream, mappings in found.items():
            for mapping in mappings:
                assert mapping.name == f"{subject.mapped_as}/{stream}"
                assert check_examples(mapping) == []
            examples = [one for mapping in mappings for one in mapping.declaration.examples]
            assert len(examples) >= 3, f"{stream}: a mapping is shown by three examples or more"
        check_pipes(_package(subject), [one for mappings in found.values() for one in mappings])

    def test_rejects_unknown_settings(self, subject: Subject) -> None:
        """A misspelt setting is an error that names it."""
        with pytest.raises(ValidationError, match="no_such_setting"):
            subject.build(no_such_setting=1)

    def test_shows_its_secrets_nowhere(
        self, subject: Subject, caplog: pytest.LogCaptureFixture
    ) -> None:
        """No secret appears in a repr, a dump, an error or a log, not even if they echo it."""
        caplog.set_level(logging.DEBUG)
        spoke = subject.build()
        shown = [repr(spoke), str(spoke), spoke.model_dump_json(), _refusal(subject)]
        for status in (200, 400, 401, 500):
            shown += _told(subject, _echo(status))
        shown.append(caplog.text)
        leaked = [name for name, secret in _secrets(spoke) if any(secret in text for text in shown)]
        assert not leaked, f"these settings are shown in plain text: {leaked}"

    def test_construction_talks_to_nobody(self, subject: Subject) -> None:
        """Building a spoke, its signing and its client sends nothing."""
        replay = Replay([])
        spoke = subject.build(replay.transport())
        spoke.auth()
        spoke.http.close()
        assert replay.seen == []

    @pytest.mark.parametrize("address", BAD_ADDRESSES)
    def test_takes_only_safe_addresses(self, subject: Subject, address: str) -> None:
        """Credentials go to https, to the vendor's hosts, and to this machine for a sandbox."""
        host = subject.spoke.hosts[0].lstrip("*.") if subject.spoke.hosts else "vendor.example"
        with pytest.raises(ValidationError):
            subject.build(url=address.format(host=host), sandbox=False)

    def test_takes_no_foreign_host(self, subject: Subject) -> None:
        """A host beyond the vendor's is refused, and any but this machine for a sandbox."""
        with pytest.raises(ValidationError):
            subject.build(url="https://elsewhere.example", sandbox=True)
        if subject.spoke.hosts:
            with pytest.raises(ValidationError):
                subject.build(url="https://elsewhere.example", sandbox=False)


def _package(subject: Subject) -> str:
    """Where its modules are; a spoke in YAML says that it is of the package itself."""
    return sys.modules[subject.spoke.__module__].__package__ or subject.spoke.__module__


def _echo(status: int) -> Transport:
    """A vendor whose answer repeats the request, credentials and all."""

    def answer(request: Request) -> Response:
        said = [f"{name}: {value}" for name, value in request.headers.items()]
        return Response(status, text="\n".join([str(request.url), *said, "not json {"]))

    return MockTransport(answer)


def _told(subject: Subject, transport: Transport) -> Iterator[str]:
    """What everything that a spoke can do says when it fails."""
    for _, operation in operations(subject, transport):
        try:
            operation()
        except Exception as error:  # noqa: BLE001 -- any error may leak
            told: BaseException | None = error
            while told is not None:
                yield f"{told!r} {told}"
                told = told.__cause__ or (None if told.__suppress_context__ else told.__context__)


def _refusal(subject: Subject) -> str:
    try:
        subject.build(no_such_setting=1)
    except ValidationError as error:
        return str(error)
    return ""


def _secrets(spoke: Spoke) -> Iterator[tuple[str, str]]:
    """The secrets of a spoke; of a long one, such as a key, each line."""
    for name, value in spoke.model_dump().items():
        if isinstance(value, SecretStr):
            lines = value.get_secret_value().splitlines()
            secrets = [line for line in lines if not line.startswith("-----")]
            yield from ((name, text) for text in secrets if len(text) >= SHORTEST_SECRET)
