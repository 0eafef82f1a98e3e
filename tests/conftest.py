"""What every test may ask for: a database of its own, migrated, in a real file."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from hub.store import schema
from hub.store.database import Database

# No test asserts on time. CI looks at the same examples each time; a developer's runs look further.
settings.register_profile("hub", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("hub")


REAL = Path(os.environ.get("HUB_REAL_DATA") or Path(__file__).parents[2] / "shared" / "data")


def pytest_configure() -> None:
    """Refuse a CI run without the real data, of which each test alone would only skip itself."""
    if os.environ.get("CI") and not REAL.is_dir():
        raise pytest.UsageError(f"on CI the real data must be there: {REAL}, or HUB_REAL_DATA")
    _let_interrupts_through()


def _let_interrupts_through() -> None:
    """Let Ctrl-C reach us, and the processes that tests start.

    Who is started in the background (`.ci/run &`) inherits that SIGINT is ignored.
    """
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if ignored and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database at the newest schema, to be copied: migrating takes longer than a test."""
    file = tmp_path_factory.mktemp("template") / "hub.db"
    db = Database(f"sqlite:///{file}")
    schema.migrate(db)
    with db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    return file


@pytest.fixture
def db(migrated: Path, tmp_path: Path) -> Iterator[Database]:
    """A migrated SQLite file."""
    shutil.copy(migrated, tmp_path / "hub.db")
    opened = Database(f"sqlite:///{tmp_path / 'hub.db'}")
    yield opened
    opened.close()
