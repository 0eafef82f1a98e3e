"""The content of files: kept outside the database, under its digest, and never whole in memory.

    <folder>/ab/abcdef...     SHA-256 of the content in hex; a name of theirs is in no path
    <folder>/incoming/...     what is being written; renamed once it is complete

What nothing names any more, and what a crash has left in `incoming`, is swept away.
Whoever asks for bytes by digest gets those bytes: the name cannot be chosen by a record.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from sqlalchemy import select, update

from hub.errors import Permanent
from hub.store import sets
from hub.store.database import Transaction
from hub.store.entities import sys_attachment
from hub.store.system import links

MEGABYTE = 1024 * 1024
CHUNK = 256 * 1024
GRACE = 3600.0
"""Seconds for which content may be in the folder before anything names it: it is just being put."""
LONGEST_ENDING = 20
LONGEST_NAME = 200  # characters; file systems allow 255 bytes
_DIGEST = re.compile(r"[0-9a-f]{64}")
_ODD = re.compile(r'[\x00-\x1f\x7f<>:"|?*\u200e\u200f\u202a-\u202e\u2066-\u2069]')
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in "123456789")})  # fmt: skip


class Refused(Permanent):
    """A file that the hub does not take; the message says which rule it breaks."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Content that is in the folder."""

    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Rules:
    """Which files the hub takes. `types` are patterns as `image/*`; none allowed means all."""

    most: int = 25 * MEGABYTE
    allowed: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()

    def check(self, name: str, content_type: str, size: int | None) -> None:
        """Raise `Refused` for what is known of a file before its content is."""
        kind = content_type.partition(";")[0].strip().lower() or "application/octet-stream"
        if self.allowed and not any(fnmatchcase(kind, one) for one in self.allowed):
            raise Refused(f"{name}: files of type {kind} are not among attachments.allowed")
        if any(fnmatchcase(kind, one) for one in self.blocked):
            raise Refused(f"{name}: files of type {kind} are among attachments.blocked")
        if size is not None and size > self.most:
            raise self.too_large(name, size)

    def too_large(self, name: str, size: int) -> Refused:
        return Refused(f"{name}: {size:,} bytes or more; attachments.max_size allows {self.most:,}")


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes of the folder, to be read in chunks, as often as one likes."""

    path: Path
    size: int

    def __iter__(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk


@dataclass(frozen=True, slots=True)
class Files:
    """The folder with the content of files."""

    folder: Path
    rules: Rules = field(default_factory=Rules)

    def keep(self, chunks: Iterable[bytes], name: str = "") -> Kept:
        """Write content down as it comes; raises `Refused` once it is larger than is allowed.

        Nothing stays of what breaks off. The same content is kept once.
        """
        digest, size = sha256(), 0
        with self._incoming() as file:
            for chunk in chunks:
                size += len(chunk)
                if size > self.rules.most:
                    raise self.rules.too_large(name, size)
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
            place = self._place(digest.hexdigest())
            place.parent.mkdir(exist_ok=True)
            Path(file.name).replace(place)
        return Kept(digest.hexdigest(), size)

    def find(self, digest: str) -> Content | None:
        """The content with this digest; None if it is not here."""
        if not _DIGEST.fullmatch(digest):
            return None
        place = self._place(digest)
        return Content(place, place.stat().st_size) if place.is_file() else None

    def sweep(self, named: Callable[[Collection[str]], Collection[str]]) -> tuple[int, int]:
        """Remove what nobody needs, and has not for an hour; how many files and bytes.

        `named` says which of some digests are still named. Any number may sweep at once, beside
        any number who keep: time is the folder's own, whose clock need not be ours.
        """
        if not self.folder.is_dir():
            return 0, 0
        with self._incoming() as file:
            before = Path(file.name).stat().st_mtime - GRACE
        sizes = [_removed(one, before) for one in self._left_behind(named)]
        for part in self.folder.glob("[0-9a-f][0-9a-f]"):
            old = [
                one.name
                for one in part.iterdir()
                if _DIGEST.fullmatch(one.name) and _older(one, before)
            ]
            unnamed = set(old).difference(named(old)) if old else ()
            sizes += [self._discard(digest, before) for digest in unnamed]
        gone = [size for size in sizes if size is not None]
        return len(gone), sum(gone)

    def _left_behind(self, named: Callable[[Collection[str]], Collection[str]]) -> list[Path]:
        """What stands in `incoming`; content that a sweep had set aside when it crashed goes back,
        if anything names it.
        """
        there = list((self.folder / "incoming").iterdir())
        aside = {one: d for one in there if _DIGEST.fullmatch(d := one.name.partition(".")[0])}
        wanted = named(set(aside.values())) if aside else ()
        lost = {one for one, d in aside.items() if d in wanted and not self._place(d).exists()}
        for one in lost:
            with suppress(FileNotFoundError):  # the sweep that set it aside lives, and was faster
                one.replace(self._place(aside[one]))
        return [one for one in there if one not in lost]

    def _discard(self, digest: str, before: float) -> int | None:
        """Remove content, unless somebody has just put it again.

        It is set aside before it is looked at for the last time: who puts the same content at this
        moment puts it either before that, and gets it back, or after, in the empty place.
        """
        place, aside = self._place(digest), self._aside(digest)
        try:
            place.replace(aside)
        except FileNotFoundError:  # another sweep was faster
            return None
        if (size := _removed(aside, before)) is None:
            with suppress(FileNotFoundError):
                aside.replace(place)
        return size

    def _aside(self, digest: str) -> Path:
        """Nobody else's: what another sweep sets aside may have to come back."""
        return self.folder / "incoming" / f"{digest}.{uuid4().hex}"

    def _place(self, digest: str) -> Path:
        return self.folder / digest[:2] / digest

    @contextmanager
    def _incoming(self) -> Iterator[BinaryIO]:
        incoming = self.folder / "incoming"
        incoming.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=incoming)
        try:
            with open(handle, "wb") as file:  # noqa: PTH123 -- a handle, not a path
                yield _Named(file, name)  # type: ignore[misc]
        finally:
            Path(name).unlink(missing_ok=True)


class _Named:
    """An open file that says where it is: one of a handle knows its number only."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name
        self.write, self.flush, self.fileno = file.write, file.flush, file.fileno


def _older(file: Path, moment: float) -> bool:
    """Whether a file was written before that moment; not if it is gone."""
    try:
        return file.stat().st_mtime < moment
    except FileNotFoundError:
        return False


def _removed(file: Path, before: float) -> int | None:
    """The size of a file that was that old and is gone now; None if it is another's to remove."""
    try:
        known = file.stat()
        if known.st_mtime >= before:
            return None
        file.unlink()
    except FileNotFoundError:
        return None
    return known.st_size


def safe_name(text: str | None) -> str:
    """A file's name as it may be written to a disk or a header: no folders, no control characters.

    Never empty, no device of Windows, nothing that turns the direction of writing.
    """
    bare = re.split(r"[/\\]", text or "")[-1]
    plain = " ".join(_ODD.sub("", bare).split()).strip(". ")
    if len(plain) > LONGEST_NAME:
        stem, dot, ending = plain.rpartition(".")
        tail = f".{ending}" if dot and len(ending) <= LONGEST_ENDING else ""
        plain = (stem if tail else plain)[: LONGEST_NAME - len(tail)] + tail
    if not plain or plain.partition(".")[0].lower() in _DEVICES:
        return f"file-{plain}" if plain else "file"
    return plain


# -- what is known of them


def of_record(tx: Transaction, sys_id: str) -> list[dict[str, Any]]:
    """A record's files, newest first."""
    it = sys_attachment.c
    rows = tx.execute(
        select(sys_attachment)
        .where(it.table_sys_id == sys_id)
        .order_by(it.sys_created_on.desc(), it.sys_id.desc())
    )
    return [sets.named(row) for row in rows]


def get(tx: Transaction, sys_id: str) -> dict[str, Any] | None:
    row = tx.execute(select(sys_attachment).where(sys_attachment.c.sys_id == sys_id)).first()
    return sets.named(row) if row else None


def named(tx: Transaction, digests: Collection[str]) -> set[str]:
    """Those of these digests that any file has. One statement."""
    found = f"""
        SELECT k.id FROM {sets.values("keys", ["id"])} k
        WHERE EXISTS (SELECT 1 FROM sys_attachment a WHERE a.hash = k.id)
    """  # noqa: S608 -- names are ours
    return {id for (id,) in sets.select(tx, found, keys=sets.packed(digests))}


def note(tx: Transaction, sys_id: str, kept: Kept) -> None:
    """The content is here now."""
    said = {"hash": kept.digest, "size_bytes": kept.size, "state": "available"}
    tx.execute(update(sys_attachment).where(sys_attachment.c.sys_id == sys_id).values(said))


def twins(
    tx: Transaction, row: dict[str, Any], connection: str, stream: str
) -> list[dict[str, Any]]:
    """Files of a connection, at the same record, that are as large: they may be the same."""
    it = sys_attachment.c
    known = select(links.c.sys_id).where(
        links.c.table_name == sys_attachment.name, links.c.sys_id == it.sys_id,
        links.c.connection == connection, links.c.stream == stream,
        links.c.deleted_at.is_(None),
    )  # fmt: skip
    rows = tx.execute(
        select(sys_attachment).where(
            it.table_sys_id == row["table_sys_id"], it.size_bytes == row["size_bytes"],
            it.sys_id != row["sys_id"], known.exists(),
        )
    )  # fmt: skip
    return [sets.named(one) for one in rows]
