"""The admin API for files: their content, as bytes that no browser takes for anything else."""

# No `from __future__ import annotations`: FastAPI could not find the local names in them.

from collections.abc import Callable
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path
from fastapi.responses import StreamingResponse

from hub.errors import NotFound
from hub.store import attachments
from hub.store.attachments import Content, Files, safe_name
from hub.store.database import Database
from hub.store.records import Row
from hub.sync.connection import Connections
from hub.sync.outbound import attachments as fetching

SysId = Annotated[str, Path(description="The sys_id of the attachment.")]
Fetch = Callable[[str], tuple[Row, Content]]


def files(db: Database, connections: Connections, kept: Files) -> APIRouter:
    router = APIRouter(prefix="/admin/api/attachments", tags=["records"])

    @router.get("/{sys_id}/content", response_class=StreamingResponse)
    def content(sys_id: SysId) -> StreamingResponse:
        """Download a file. What is not here yet is fetched from where it came from, first.

        Whatever the file says that it is, it is served as bytes to be saved: a page or a script of
        somebody else's must not run under the hub's address.
        """
        with db.read() as tx:
            if attachments.get(tx, sys_id) is None:
                raise NotFound(f"there is no attachment {sys_id!r}")
        row, held = fetching.content(db, connections, kept, sys_id)
        return StreamingResponse(
            iter(held), headers=headers(row["file_name"], held.size),
            media_type="application/octet-stream",
        )  # fmt: skip

    return router


def headers(name: str | None, size: int) -> dict[str, str]:
    """What keeps a browser from showing, guessing or running it (RFC 6266, 8187)."""
    safe = safe_name(name)
    plain = "".join(c if c.isascii() and c not in '"\\%' else "_" for c in safe)
    return {
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(safe, safe='')}",
        "Content-Length": str(size),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-store",
    }
