"""What a file may be, where its content is kept and for how long, and that none is whole in memory."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Collection, Iterator
from hashlib import sha256
from pathlib import Path, PosixPath
from typing import Any

import pytest

import hub
from hub.errors import Permanent, Transient
from hub.http import Client
from hub.store.attachments import Files, Refused, Rules, safe_name
from hub.testing.host import cut, listen

MEGABYTE = 1024 * 1024
LARGE = 200 * MEGABYTE
BOUND = 16 * MEGABYTE
"""What all of it may take: a piece of 256 kB, and what both ends of a socket hold."""


def pieces(size: int) -> Iterator[bytes]:
    block = bytes(range(256)) * 256
    for start in range(0, size, len(block)):
        yield block[: min(len(block), size - start)]


class Store:
    """A server that sends and takes large files, and keeps none of them."""

    def __init__(self, *, stops_after: int = LARGE + 1) -> None:
        self.taken, self.digest, self.stops_after = 0, sha256(), stops_after
        self.length = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.length = dict(scope["headers"]).get(b"content-length", b"").decode()
        more = scope["method"] == "POST"
        while more:
            told = await receive()
            self.taken += len(told["body"])
            self.digest.update(told["body"])
            more = told.get("more_body", False)
        size = LARGE if scope["method"] == "GET" else 0
        headers = [(b"content-length", str(size).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        sent = 0
        for piece in pieces(size):
            if sent > self.stops_after:
                cut(scope["state"]["transport"])
                return
            sent += len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def client(url: str) -> Client:
    return Client(url, rate=hub.Rate(calls=100_000))


def test_200_megabytes_come_and_go_in_flat_memory(tmp_path: Path) -> None:
    files, store = Files(tmp_path, Rules(most=LARGE)), Store()
    with listen(store) as where:
        http = client(where.url)
        tracemalloc.start()
        try:
            kept = files.keep(http.stream("/film"))
            content = files.find(kept.digest)
            assert content is not None
            headers = {"Content-Length": str(content.size)}
            http.post("/film", content=content, headers=headers)
            highest = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            http.close()
    assert kept.size == store.taken == LARGE
    assert store.digest.hexdigest() == kept.digest
    assert store.length == str(LARGE)
    assert highest < BOUND


def test_one_that_is_too_large_is_left_at_the_limit(tmp_path: Path) -> None:
    files, store = Files(tmp_path, Rules(most=MEGABYTE)), Store()
    with listen(store) as where:
        http = client(where.url)
        with pytest.raises(Refused, match=r"film: 1,\d+,\d+ bytes or more; attachments.max_size"):
            files.keep(http.stream("/film"), "film")
        http.close()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_one_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    files = Files(tmp_path, Rules(most=LARGE))
    with listen(Store(stops_after=MEGABYTE)) as where:
        http = client(where.url)
        with pytest.raises(Transient, match=r"GET http://127\.0"):
            files.keep(http.stream("/film"))
        http.close()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_no_other_address_is_asked(tmp_path: Path) -> None:
    http = client("http://127.0.0.1:1")
    with pytest.raises(Permanent, match="refused to follow a link"):
        Files(tmp_path).keep(http.stream("http://127.0.0.2:1/secret"))
    http.close()


def test_the_same_content_is_kept_once(tmp_path: Path) -> None:
    files = Files(tmp_path)
    assert files.keep([b"a", b"b"]) == files.keep([b"ab"])
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def aged(folder: Path, *, hours: float = 2) -> None:
    """Everything in the folder is that old from now on."""
    for file in folder.rglob("*"):
        moment = file.stat().st_mtime - hours * 3600
        os.utime(file, (moment, moment))


def test_what_nothing_names_is_swept_after_an_hour(tmp_path: Path) -> None:
    files = Files(tmp_path)
    needed, orphan = files.keep([b"needed"]), files.keep([b"orphan"])
    (tmp_path / "incoming" / "of-a-crash").write_bytes(b"half of it")
    (tmp_path / "readme.txt").write_bytes(b"not ours")
    assert files.sweep(lambda _: [needed.digest]) == (0, 0)
    aged(tmp_path)
    (tmp_path / "incoming" / "under-way").write_bytes(b"half")
    assert files.sweep(lambda _: [needed.digest]) == (2, len(b"half of it" + b"orphan"))
    assert files.find(needed.digest) is not None
    assert files.find(orphan.digest) is None
    assert sorted(one.name for one in tmp_path.rglob("*") if one.is_file()) == sorted(
        [needed.digest, "readme.txt", "under-way"]
    )


def test_content_that_is_put_again_while_it_is_swept_stays(tmp_path: Path) -> None:
    files = Files(tmp_path)
    kept = files.keep([b"report"])
    aged(tmp_path)

    def named(digests: Collection[str]) -> set[str]:
        assert list(digests) == [kept.digest]
        files.keep([b"report"])  # by another process, whose row is not there yet
        return set()

    assert files.sweep(named) == (0, 0)
    content = files.find(kept.digest)
    assert content is not None
    assert b"".join(content) == b"report"


def test_content_that_is_put_again_while_two_sweep_it_stays(tmp_path: Path) -> None:
    """One removes what it has set aside only once the other has set aside what was put again."""
    kept = Files(tmp_path).keep([b"report"])
    aged(tmp_path)
    late: list[Path] = []

    class Slow(PosixPath):
        def unlink(self, missing_ok: bool = False) -> None:  # noqa: FBT001, FBT002 -- pathlib's
            if self.name.startswith(kept.digest):
                late.append(self)
            else:
                super().unlink(missing_ok)

        def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
            if late and self.parent.name == "incoming":
                os.unlink(late.pop())  # noqa: PTH108 -- that of paths is the slow one
            return super().stat(follow_symlinks=follow_symlinks)

    files = Files(Slow(tmp_path))

    def named(_: Collection[str]) -> set[str]:
        assert files.sweep(lambda _: ()) == (1, len(b"report"))
        assert late
        files.keep([b"report"])
        return set()

    assert files.sweep(named) == (0, 0)
    assert not late
    assert files.find(kept.digest) is not None


def test_a_folder_that_is_not_there_is_clean(tmp_path: Path) -> None:
    assert Files(tmp_path / "none").sweep(lambda _: ()) == (0, 0)


@pytest.mark.parametrize(
    "digest", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n", "0" * 64]
)
def test_only_a_digest_finds_anything(tmp_path: Path, digest: str) -> None:
    assert Files(tmp_path).find(digest) is None


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("report.pdf", "report.pdf"),
        ("Übersicht März.xlsx", "Übersicht März.xlsx"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\system.ini", "system.ini"),
        ("a\x00b\r\nc.txt", "abc.txt"),
        ("\u202egpj.exe", "gpj.exe"),
        ("...", "file"),
        ("", "file"),
        (None, "file"),
        ("con.txt", "file-con.txt"),
        ("a" * 300 + ".pdf", "a" * 196 + ".pdf"),
        ('we"ird<>:|?*.txt', "weird.txt"),
        (".htaccess", "htaccess"),
    ],
)
def test_a_name_is_made_harmless(theirs: str | None, ours: str) -> None:
    assert safe_name(theirs) == ours


@pytest.mark.parametrize(
    ("rules", "kind", "allowed"),
    [
        (Rules(), "application/pdf", True),
        (Rules(allowed=("image/*",)), "image/png", True),
        (Rules(allowed=("image/*",)), "text/html", False),
        (Rules(allowed=("image/*",)), "", False),
        (Rules(blocked=("text/html",)), "Text/HTML; charset=utf-8", False),
        (Rules(blocked=("text/html",)), "text/plain", True),
    ],
)
def test_types_are_allowed_and_blocked(rules: Rules, kind: str, allowed: bool) -> None:  # noqa: FBT001
    if allowed:
        rules.check("x", kind, None)
    else:
        with pytest.raises(Refused, match="attachments"):
            rules.check("x", kind, None)
