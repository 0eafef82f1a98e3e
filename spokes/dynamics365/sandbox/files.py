"""The content of notes: sent and fetched in blocks, under a token that begins each."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as BadBase64
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hub.testing import Answer
from spokes.dynamics365.sandbox.refusal import ARGUMENT, ODATA, PAYLOAD, TOO_LONG, Refused
from spokes.dynamics365.sandbox.rows import Row, Rows

BLOCK = 4 * 1024 * 1024
LARGEST = 128 * 1024 * 1024
ACTIONS = frozenset(
    {
        "InitializeAnnotationBlocksUpload",
        "UploadBlock",
        "CommitAnnotationBlocksUpload",
        "InitializeAnnotationBlocksDownload",
        "DownloadBlock",
    }
)


@dataclass(slots=True)
class Transfer:
    """What is under way: the note, and the blocks of an upload."""

    id: str
    upload: bool
    blocks: dict[str, bytes] = field(default_factory=dict[str, bytes])


@dataclass(slots=True)
class Contents:
    """The files of the environment, by the note's id."""

    rows: Rows
    kept: dict[str, bytes] = field(default_factory=dict[str, bytes])
    under_way: dict[str, Transfer] = field(default_factory=dict[str, Transfer])
    begun: int = 0

    def answer(self, action: str, body: Any, now: datetime) -> Answer:
        """Raises `Refused`."""
        if not isinstance(body, dict):
            raise Refused(400, PAYLOAD, "An object is expected.")
        match action:
            case "InitializeAnnotationBlocksUpload":
                return _said(FileContinuationToken=self._begin(body, upload=True))
            case "InitializeAnnotationBlocksDownload":
                token = self._begin(body, upload=False)
                row = self._note(self.under_way[token].id)
                size = len(self.kept.get(row["annotationid"], b""))
                return _said(
                    FileContinuationToken=token, FileSizeInBytes=size, FileName=row["filename"],
                    IsChunkingSupported=True,
                )  # fmt: skip
            case "UploadBlock":
                return self._upload(body)
            case "DownloadBlock":
                return self._download(body)
            case _:
                return self._commit(body, now)

    def give(self, id: str, content: bytes, name: str, kind: str, now: datetime) -> Row:
        """A note has this file from now on."""
        row = self._note(id)
        self.kept[id] = content
        said = {"isdocument": True, "filename": name, "mimetype": kind, "filesize": len(content)}
        return self.rows.put(self.rows.of_name("annotation"), row | said, now)

    def _begin(self, body: Row, *, upload: bool) -> str:
        id = _target(body)
        self._note(id)
        if not upload and id not in self.kept:
            raise Refused(400, ARGUMENT, f"The annotation {id} has no file.")
        self.begun += 1
        token = f"token-{self.begun:06}"
        self.under_way[token] = Transfer(id, upload)
        return token

    def _transfer(self, body: Row, *, upload: bool) -> Transfer:
        found = self.under_way.get(str(body.get("FileContinuationToken")))
        if found is None or found.upload is not upload:
            raise Refused(400, ARGUMENT, "FileContinuationToken is not one of this kind.")
        return found

    def _upload(self, body: Row) -> Answer:
        transfer = self._transfer(body, upload=True)
        try:
            name, block = str(body["BlockId"]), b64decode(str(body["BlockData"]), validate=True)
            b64decode(name, validate=True)
        except (KeyError, BadBase64):
            raise Refused(400, PAYLOAD, "BlockId and BlockData must be base64.") from None
        if not 0 < len(block) <= BLOCK:
            raise Refused(400, TOO_LONG, f"A block has 1 to {BLOCK} bytes.")
        transfer.blocks[name] = block
        return Answer(204, ODATA)

    def _download(self, body: Row) -> Answer:
        transfer = self._transfer(body, upload=False)
        start, length = body.get("Offset"), body.get("BlockLength")
        if not isinstance(start, int) or not isinstance(length, int) or not 0 < length <= BLOCK:
            raise Refused(400, PAYLOAD, f"Offset and BlockLength (at most {BLOCK}) are needed.")
        block = self.kept[transfer.id][start : start + length]
        return _said(Data=b64encode(block).decode())

    def _commit(self, body: Row, now: datetime) -> Answer:
        transfer, id = self._transfer(body, upload=True), _target(body)
        listed = body.get("BlockList")
        if id != transfer.id or not isinstance(listed, list):
            raise Refused(400, ARGUMENT, "Target and BlockList do not fit the upload.")
        if missing := [name for name in listed if name not in transfer.blocks]:
            raise Refused(400, ARGUMENT, f"The block {missing[0]} was not uploaded.")
        content = b"".join(transfer.blocks[name] for name in listed)
        if len(content) > LARGEST:
            raise Refused(400, TOO_LONG, "The file is larger than the environment allows.")
        target = body["Target"]
        self.give(id, content, target.get("filename"), target.get("mimetype"), now)
        del self.under_way[str(body["FileContinuationToken"])]
        return _said(AnnotationId=id, FileSizeInBytes=len(content))

    def _note(self, id: str) -> Row:
        return self.rows.of_name("annotation").get(id)


def _target(body: Row) -> str:
    target = body.get("Target")
    if not isinstance(target, dict) or "annotationid" not in target:
        raise Refused(400, PAYLOAD, "Target must be an annotation with its annotationid.")
    if target.get("@odata.type") != "Microsoft.Dynamics.CRM.annotation":
        raise Refused(400, PAYLOAD, "Target needs @odata.type Microsoft.Dynamics.CRM.annotation.")
    return str(target["annotationid"]).lower()


def _said(**told: Any) -> Answer:
    return Answer(200, ODATA, told)
