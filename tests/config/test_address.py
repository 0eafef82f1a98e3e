"""The database's address: a file or a server, its secrets from elsewhere and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from hub.config import HubFile, address
from tests.config.conftest import House


@pytest.fixture
def bare(house: House) -> House:
    """A folder without connections."""
    (house.folder / "connections" / "crm.yaml").unlink()
    return house


def database(house: House, written: str) -> str:
    house.write("hub.yaml", f"database: {written}")
    return house.load().database


@pytest.mark.parametrize(
    "written",
    [
        "postgresql://hub@db.example:5432/hub",
        "postgres://hub:pw@db.example/hub",
        "postgresql://hub@/hub?host=/run/postgresql",
        "postgresql:///hub",
        "postgresql://hub@one,two/hub?target_session_attrs=read-write&sslmode=verify-full",
        "postgresql://hub@db/hub?passfile=/run/secrets/pgpass",
    ],
)
def test_a_server_is_named_as_libpq_and_the_others_do(bare: House, written: str) -> None:
    assert make_url(database(bare, written)) == make_url(written)


def test_a_secret_within_an_address_may_hold_any_character(bare: House) -> None:
    bare.environment["PASSWORD"] = "p@ss/w:rd?#%$ ü"
    bare.write("user", "Anne Marie\n")
    written = database(bare, "postgresql://${file:user}:${PASSWORD}@db:5432/hub")
    url = make_url(written)
    assert (url.username, url.password, url.host) == ("Anne Marie", "p@ss/w:rd?#%$ ü", "db")


def test_a_whole_address_may_be_a_secret(bare: House) -> None:
    bare.environment["URL"] = "postgresql://hub:p%40ss@db/hub"
    assert make_url(database(bare, "${URL}")).password == "p@ss"


def test_what_messages_would_show_of_a_configuration_has_no_password(bare: House) -> None:
    bare.write("hub.yaml", "database: postgresql://hub:hush-hush@db/hub")
    assert "hush-hush" not in repr(bare.load())


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("mysql://u:hush@h/d", "'mysql' is not supported; write sqlite:///hub.db or postgresql://"),
        ("postgresql+psycopg2://u:hush@h/d", "'postgresql+psycopg2' is not supported; write "),
        ("postgresql://u:hush@h", "names no database; write postgresql://user@host:5432/name"),
        ("postgresql://u:hush@h:no/d", "its port is no number; write "),
        ("postgresql://u:hush@h/d/e", "a '/' or '@' in a name or password is written as %2F or"),
        ("postgresql://u:hu@sh@h/d", "a '/' or '@' in a name or password is written as %2F or"),
        ("postgresql://h/d?password=hush", "messages would show its 'password'; write postgresql"),
        ("postgresql://h/d?sslpassword=hush", "messages would show its 'sslpassword'; write "),
        ("hub.db", "not an address; write sqlite:///hub.db or postgresql://user@host:5432/name"),
    ],
)
def test_an_address_that_cannot_be_used_says_what_to_write(
    bare: House, written: str, fault: str
) -> None:
    bare.write("hub.yaml", f"database: {written}")
    (told,) = bare.faults()
    assert told.startswith(f"hub.yaml:1:1: database: {fault}")
    assert "hu" not in told.replace("hub", "")


def test_the_environments_address_is_blamed_on_the_environment(bare: House) -> None:
    bare.environment["HUB_DATABASE"] = "postgresql://hub:hush-hush@db"
    (told,) = bare.faults()
    assert told.startswith("environment variable HUB_DATABASE: names no database; write postgres")
    assert "hush" not in told


def test_a_secret_that_is_not_there_is_the_only_fault(bare: House) -> None:
    bare.write("hub.yaml", "threads: 2\ndatabase: ${NO_SUCH}")
    (told,) = bare.faults()
    assert told.startswith("hub.yaml:2:1: database: environment variable 'NO_SUCH' is not set; ")


def test_the_default_is_a_file_beside_hub_yaml(tmp_path: Path) -> None:
    written = HubFile().database
    assert address.read(written, folder=tmp_path) == f"sqlite:///{tmp_path / 'hub.db'}"
