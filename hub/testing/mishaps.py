"""What goes wrong out there, as a script: every kind of fault, in an order that a seed decides."""

from __future__ import annotations

import random
from collections.abc import Iterator

from hub.testing.faults import Fault

HTML = {"Content-Type": "text/html"}
PAGE = "<!doctype html><html><title>Maintenance</title><body>" + "We are sorry. " * 500
KINDS = (
    Fault(status=429, headers={"Retry-After": "30"}),
    Fault(status=429, headers={"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}),
    Fault(status=429),
    Fault(status=500, body="something broke"),
    Fault(status=503, headers=HTML, body=PAGE, times=3),  # more often than a GET is repeated
    Fault(drop="before"),
    Fault(drop="after"),
    Fault(truncate=40),
)
MOST_SKIPPED = 2
"""How many requests go well at most before one fails."""


def mishaps(seed: int) -> Iterator[Fault]:
    """Each kind once, in the seed's order, and after as many requests as it says."""
    chance = random.Random(seed)  # noqa: S311 -- a script is to be the same every time
    for kind in chance.sample(KINDS, len(KINDS)):
        yield Fault(
            times=kind.times,
            skip=chance.randint(0, MOST_SKIPPED),
            status=kind.status,
            headers=kind.headers,
            body=kind.body,
            drop=kind.drop,
            truncate=kind.truncate,
        )
