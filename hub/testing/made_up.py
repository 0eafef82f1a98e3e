"""A file of any size that nobody ever holds whole, to be carried by a spoke."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator

from hub.abilities import Content

PIECE = 64 * 1024
_NOISE = random.Random(2026).randbytes(PIECE)  # noqa: S311 -- the same every time


class MadeUp:
    """Bytes of which no two pieces are alike. `on_taken` hears how many were taken so far."""

    def __init__(
        self, size: int, name: str = "photo.jpg", on_taken: Callable[[int], None] = lambda _: None
    ) -> None:
        self.size, self.name, self._on_taken = size, name, on_taken
        digest = hashlib.sha256()
        for piece in self._pieces():
            digest.update(piece)
        self.digest = digest.hexdigest()

    @property
    def content(self) -> Content:
        """As the hub hands out a file of its own."""
        return Content(self.name, "image/jpeg", self.size, self.digest, self)

    def __iter__(self) -> Iterator[bytes]:
        taken = 0
        for piece in self._pieces():
            taken += len(piece)
            self._on_taken(taken)
            yield piece

    def _pieces(self) -> Iterator[bytes]:
        for number, start in enumerate(range(0, self.size, PIECE)):
            turned = _NOISE[number % PIECE :] + _NOISE[: number % PIECE]
            yield turned[: self.size - start]
