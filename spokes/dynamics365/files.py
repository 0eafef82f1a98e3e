"""The content of notes, in blocks of 4 MB: what their documentation prescribes for files of any size.

    InitializeAnnotationBlocksUpload ─▶ token ─▶ UploadBlock … ─▶ CommitAnnotationBlocksUpload
    InitializeAnnotationBlocksDownload ─▶ token, size ─▶ DownloadBlock …

https://learn.microsoft.com/power-apps/developer/data-platform/attachment-annotation-files
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator
from itertools import count

import hub

BLOCK = 4 * 1024 * 1024
Post = Callable[[str, hub.JsonObject], hub.JsonObject]
"""Calls an action of theirs with a body; gives the answer, empty if there is none."""


def download(post: Post, id: str) -> Iterator[bytes]:
    """The content of a note; raises `Transient` for a block that is not as long as it should be."""
    began = post("InitializeAnnotationBlocksDownload", {"Target": _target(id)})
    size, at = int(began["FileSizeInBytes"]), 0
    while at < size:
        length = min(BLOCK, size - at)
        told = {"Offset": at, "BlockLength": length}
        answer = post("DownloadBlock", told | {"FileContinuationToken": _token(began)})
        block = b64decode(answer["Data"])
        if len(block) != length:
            raise hub.Transient(
                f"annotations: {id}: a block of {length} bytes came as {len(block)}"
            )
        yield block
        at += length


def upload(post: Post, id: str, content: hub.Content) -> None:
    """Give a note its content, in place of what it has."""
    target = _target(id) | {"filename": content.name, "mimetype": content.type}
    began = post("InitializeAnnotationBlocksUpload", {"Target": target})
    names = []
    for number, block in zip(count(), _blocks(content.chunks), strict=False):
        names.append(b64encode(f"{number:08}".encode()).decode())
        told = {"BlockId": names[-1], "BlockData": b64encode(block).decode()}
        post("UploadBlock", told | {"FileContinuationToken": _token(began)})
    told_at_last = {"Target": target, "BlockList": names, "FileContinuationToken": _token(began)}
    answer = post("CommitAnnotationBlocksUpload", told_at_last)
    if int(answer["FileSizeInBytes"]) != content.size:
        raise hub.Transient(
            f"annotations: {id}: {answer['FileSizeInBytes']} bytes arrived of {content.size}"
        )


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        while len(waiting) >= BLOCK:
            yield bytes(waiting[:BLOCK])
            del waiting[:BLOCK]
    if waiting:
        yield bytes(waiting)


def _target(id: str) -> hub.JsonObject:
    return {"@odata.type": "Microsoft.Dynamics.CRM.annotation", "annotationid": id}


def _token(began: hub.JsonObject) -> str:
    return str(began["FileContinuationToken"])
