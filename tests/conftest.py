"""What every test may ask for: a database of its own, migrated; SQLite and PostgreSQL in turn."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from hub.store.database import Database
from tests.databases import Databases, PostgresDatabases, SqliteFiles
from tests.postgres import FAST, Server

# No test asserts on time. CI looks at the same examples each time; a developer's runs look further.
settings.register_profile("hub", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("hub")


BOTH = {"sqlite", "postgresql"}
# HUB_TEST_DATABASE=sqlite for a quick look; CI and `make test` run on both.
BACKENDS = os.environ.get("HUB_TEST_DATABASE", "sqlite,postgresql").split(",")
REAL = Path(os.environ.get("HUB_REAL_DATA") or Path(__file__).parents[2] / "shared" / "data")


def pytest_configure() -> None:
    """Refuse a CI run that would leave something out: real data, or one of the databases."""
    if os.environ.get("CI") and not REAL.is_dir():
        raise pytest.UsageError(f"on CI the real data must be there: {REAL}, or HUB_REAL_DATA")
    if not set(BACKENDS) <= BOTH or (os.environ.get("CI") and set(BACKENDS) != BOTH):
        raise pytest.UsageError("HUB_TEST_DATABASE may be sqlite or postgresql; on CI, not")
    _let_interrupts_through()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """`-n auto` is one more than there are cores: tests often wait, for other processes above all."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked for a database that was not asked for."""
    others = [item for item in items if _database_of(item) not in {None, *BACKENDS}]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]


def _database_of(item: pytest.Item) -> str | None:
    kind: str | None = item.callspec.params.get("databases") if hasattr(item, "callspec") else None
    return kind


def _let_interrupts_through() -> None:
    """Let Ctrl-C reach us, and the processes that tests start.

    Who is started in the background (`.ci/run &`) inherits that SIGINT is ignored.
    """
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if ignored and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """This test process's PostgreSQL."""
    server = Server(**FAST)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def _sqlite(tmp_path_factory: pytest.TempPathFactory) -> Databases:
    return SqliteFiles(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="session")
def _postgresql(postgres: Server) -> Databases:
    return PostgresDatabases(postgres)


@pytest.fixture(scope="session", params=BACKENDS)
def databases(request: pytest.FixtureRequest) -> Databases:
    """SQLite, and then PostgreSQL: whoever asks for a database runs on both."""
    chosen: Databases = request.getfixturevalue(f"_{request.param}")
    return chosen


@pytest.fixture
def database_url(databases: Databases, tmp_path: Path) -> Iterator[str]:
    """The address of a migrated database of this test's own."""
    url = databases.migrated(tmp_path)
    yield url
    databases.drop(url)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """A migrated database of this test's own."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def empty(databases: Databases, tmp_path: Path) -> Iterator[Database]:
    """A database that nobody has migrated."""
    url = databases.empty(tmp_path)
    opened = Database(url)
    yield opened
    opened.close()
    databases.drop(url)
