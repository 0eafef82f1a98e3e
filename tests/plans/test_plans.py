"""However many rows there are, what the hub does all the time touches few of them.

The statements are those that the code sends while it works on a million rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from hub.store.database import Database
from tests.databases import ON_POSTGRESQL, ON_SQLITE
from tests.plans.look import Session, Work, steps
from tests.plans.million import analyze, fill
from tests.plans.work import EVERYTHING, SMALL

MOST_ROWS = 3_000  # of one statement, for a hundred jobs or records
MOST_STEPS = 250_000  # of SQLite's machine, for all statements of a hundred jobs or records
LONG = pytest.mark.timeout(600)


def _laborious(session: Session, works: Sequence[Work], when: str) -> list[str]:
    return [
        f"{when}, {work.__name__}: {seen}"
        for work in works
        for seen in session.see(work)
        if seen.rows > MOST_ROWS
    ]


@LONG
@ON_POSTGRESQL
def test_postgresql_looks_up_what_it_needs(db: Database, database_url: str) -> None:
    """Whatever it believes: plans of a session that began when the tables were small, statistics
    of that time, statistics of now."""
    fill(db, last=SMALL)
    analyze(db)
    old, new = Session(db), Session(Database(database_url))
    for work in EVERYTHING:
        old.see(work)
    fill(new.db, first=SMALL + 1)
    found = _laborious(old, EVERYTHING, "planned long ago")
    found += _laborious(new, EVERYTHING, "with old statistics")
    analyze(new.db)
    anew = Session(Database(database_url))
    found += _laborious(anew, EVERYTHING, "with new statistics")
    for session in (new, anew):
        session.db.close()
    assert found == [], "\n\n".join(found)


@LONG
@ON_SQLITE
def test_sqlite_looks_up_what_it_needs(db: Database) -> None:
    fill(db)
    before = {work.__name__: steps(db, work) for work in EVERYTHING}
    analyze(db)
    after = {work.__name__: steps(db, work) for work in EVERYTHING}
    for taken in (before, after):
        assert {name: many for name, many in taken.items() if many > MOST_STEPS} == {}
