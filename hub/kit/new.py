"""Writes a new spoke with everything that belongs to it, so that it passes the suite as it is."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from string import Template

from hub import registry
from hub.kit.outline import Kind, Outline, invented
from hub.kit.sample import example
from hub.kit.subjects import Places

TEMPLATES = Path(__file__).parent / "template"
NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")
TAKEN = frozenset({"all", "hub", "mappings", "spokes", "tests"})


class Refused(Exception):
    """Nothing was written; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Made:
    """The files that were written, and what about them is a guess."""

    files: tuple[Path, ...]
    unsure: tuple[str, ...]


def write(
    root: Path, name: str, kind: Kind, *, as_yaml: bool = False, described: Path | None = None
) -> Made:
    """Write spoke, mappings, sandbox, example, connection and README below `root`.

    `described` is a file in OpenAPI 3 or OData's $metadata to draft streams and mappings from.
    Raises `Refused`, and then has written nothing.
    """
    _check_name(name)
    places = Places(name, root)
    outline = _outline(name, kind, described)
    texts = dict(_texts(places, kind, outline, as_yaml=as_yaml))
    there = [file for file in (places.spoke, places.mappings, *texts) if file.exists()]
    if there:
        raise Refused(f"{there[0]} is there already, and nothing is overwritten: choose a new name")
    for file, text in texts.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return Made(tuple(texts), outline.unsure)


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise Refused(
            f"{name!r} cannot be a spoke's name: it is a Python module's, of 2 to 40 small "
            "letters, digits and _, with a letter first"
        )
    if name in TAKEN or name in registry.names():
        raise Refused(f"{name!r} is taken; hub spoke list shows the spokes that there are")


def _outline(name: str, kind: Kind, described: Path | None) -> Outline:
    if described is None:
        return invented(kind, name, _title(name), _template(f"mappings/{kind}.yaml"))
    from hub.kit.draft import BadDescription, draft

    try:
        return draft(described, name, kind)
    except BadDescription as error:
        raise Refused(str(error)) from error


def _texts(
    places: Places, kind: Kind, outline: Outline, *, as_yaml: bool
) -> Iterator[tuple[Path, str]]:
    fill = partial(_fill, _words(places.name, kind, outline))
    yield places.spoke / "__init__.py", fill("__init__.py")
    main = "spoke.yaml" if as_yaml else "spoke.py"
    yield places.spoke / main, fill(main)
    for file in ("sandbox.py", "connection.yaml", "README.md"):
        yield places.spoke / file, fill(file)
    for stream in outline.streams:
        yield places.mappings / f"{stream.name}.yaml", stream.mapping
    yield places.tests / "__init__.py", ""
    yield places.example, example(places.name, _host(places.name), outline)


def _words(name: str, kind: Kind, outline: Outline) -> dict[str, str]:
    """What stands for what in the templates."""
    streams = [stream.name for stream in outline.streams]
    said = _said(streams)
    return {
        "name": name,
        "NAME": name.upper(),
        "Class": "".join(part.title() for part in name.split("_")),
        "title": _title(name),
        "kind": kind,
        "host": _host(name),
        "streams_said": said,
        "Streams_said": said[0].upper() + said[1:],
        "paths": _dict((stream.name, stream.path) for stream in outline.streams),
        "sandbox_paths": _dict((stream.path, stream.name) for stream in outline.streams),
        "yaml_streams": "".join(_yaml_stream(s.name, s.path) for s in outline.streams),
        "yaml_events": "\n".join(f"    {s}.changed: {{stream: {s}, id: id}}" for s in streams),
    }


def _said(streams: list[str]) -> str:
    """`orders`, or `users, groups and work orders`."""
    *most, last = [stream.replace("_", " ") for stream in streams]
    return f"{', '.join(most)} and {last}" if most else last


def _dict(pairs: Iterator[tuple[str, str]]) -> str:
    """The inside of a dict, as the formatter would write it: on one line, if there is one pair."""
    items = [f'"{key}": "{value}"' for key, value in pairs]
    return items[0] if len(items) == 1 else "".join(f"\n    {item}," for item in items) + "\n"


def _yaml_stream(name: str, path: str) -> str:
    return f"""\
  {name}:
    id: id
    version: changed
    deleted: deleted
    path: {path}
    records: items
    pages: {{by: keyset, parameter: after, size: {{limit: 100}}}}
    since: {{parameter: since, until: before}}
    fetch: {{path: {path}, ids: ids, at_once: 50}}
    create: POST {path}
    update: PATCH {path}/{{id}}
    delete: DELETE {path}/{{id}}
    idempotency_key: Idempotency-Key
    etag: '"{{version}}"'
"""


def _fill(words: dict[str, str], file: str) -> str:
    return _template(file).substitute(words)


def _template(file: str) -> Template:
    return Template((TEMPLATES / f"{file}.txt").read_text(encoding="utf-8"))


def _title(name: str) -> str:
    return name.replace("_", " ").title()


def _host(name: str) -> str:
    return f"{name.replace('_', '-')}.example"
