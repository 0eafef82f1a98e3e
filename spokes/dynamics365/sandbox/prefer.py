"""What a request prefers (RFC 7240), as far as Dataverse heeds it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hub.testing import Request
from spokes.dynamics365.sandbox.refusal import ARGUMENT, Refused

MOST = 5_000  # rows of one page
_ONE = re.compile(r'\s*([\w.-]+)\s*(?:=\s*("[^"]*"|[^,;]*))?\s*(?:[,;]|$)')


@dataclass(frozen=True, slots=True)
class Preferences:
    """`annotations` are the names that are wanted, or `*`."""

    page_size: int = MOST
    annotations: tuple[str, ...] = ()
    track_changes: bool = False
    representation: bool = False

    def wants(self, annotation: str) -> bool:
        return any(
            one in {"*", annotation} or (one.endswith(".*") and annotation.startswith(one[:-1]))
            for one in self.annotations
        )


def read(request: Request) -> Preferences:
    """Raises `Refused` for a page size that cannot be."""
    said = {name: value.strip().strip('"') for name, value in _pairs(request)}
    size = said.get("odata.maxpagesize", str(MOST))
    if not size.isdigit() or not 1 <= int(size) <= MOST:
        raise Refused(400, ARGUMENT, f"odata.maxpagesize must be between 1 and {MOST}, not {size}.")
    wanted = said.get("odata.include-annotations", "")
    return Preferences(
        page_size=int(size),
        annotations=tuple(name.strip() for name in wanted.split(",") if name.strip()),
        track_changes="odata.track-changes" in said,
        representation=said.get("return") == "representation",
    )


def _pairs(request: Request) -> list[tuple[str, str]]:
    text = request.headers.get("prefer", "")
    return [(match[1], match[2] or "") for match in _ONE.finditer(text)]
