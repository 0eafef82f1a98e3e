"""`hub doctor` finds what ails a connection and says what to do; `hub record` writes what it answers."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from hub import registry
from hub.spoke import Subscription
from hub.store import deliveries, subscriptions
from hub.store.deliveries import Delivery
from hub.testing import Fault, Sandbox, serve
from hub.testing.example import read
from tests.cli.conftest import Home, Run


@pytest.fixture
def plm() -> Iterator[Sandbox]:
    with serve(registry.sandbox("plm")()) as sandbox:
        yield sandbox


@pytest.fixture
def org() -> Iterator[Sandbox]:
    with serve(registry.sandbox("salesforce")()) as sandbox:
        yield sandbox


@pytest.fixture
def directory() -> Iterator[Sandbox]:
    with serve(registry.sandbox("entra")()) as sandbox:
        yield sandbox


def examined(run: Run, name: str = "crm") -> dict[str, dict[str, str]]:
    """What the doctor says, by what was looked at."""
    return {one["check"]: one for one in json.loads(run("doctor", name, "--json").out)}


def test_a_healthy_connection_has_nothing_to_mend(home: Home, run: Run, plm: Sandbox) -> None:
    home.connect("crm", plm)
    told = run("doctor", "crm")
    assert told.status == 0
    found = [line.split("\t") for line in told.out.splitlines()[1:]]
    assert {state for _, state, *_ in found} <= {"ok", "unknown"}
    checks = {row[0]: row[1] for row in found}
    assert checks.items() >= {"name": "ok", "tls": "ok", "sign-in": "ok", "clock": "ok",
                              "stream parts": "ok", "stream defects": "ok"}.items()  # fmt: skip
    assert {e.method for e in plm.journal if e.path != "/oauth/token"} == {"GET"}
    assert home.linked("crm", "parts") == 0


def test_a_wrong_secret_is_found(home: Home, run: Run, plm: Sandbox) -> None:
    home.connect("crm", plm)
    home.environment["CRM_CLIENT_SECRET"] = "not-the-secret"
    told = run("doctor", "crm")
    assert told.status == 1
    assert "sign-in: sign in again, or replace the secret" in told.err
    assert "not-the-secret" not in told.out + told.err


def test_a_clock_that_is_wrong_is_found(home: Home, run: Run, plm: Sandbox) -> None:
    home.connect("crm", plm)
    plm.clock.advance(timedelta(minutes=10))
    found = examined(run)["clock"]
    assert found["state"] == "failed"
    assert "s behind theirs" in found["said"]
    assert "NTP" in found["step"]


def test_a_name_without_an_address_is_found(home: Home, run: Run, plm: Sandbox) -> None:
    home.connect("crm", plm)
    file = home.folder / "connections" / "crm.yaml"
    written = yaml.safe_load(file.read_text())
    written["settings"] |= {"url": "https://no-such-host.invalid", "sandbox": False}
    file.write_text(yaml.safe_dump(written))
    found = examined(run)
    assert found["name"]["state"] == "failed"
    assert "no-such-host.invalid has no address" in found["name"]["said"]
    assert "tls" not in found


def test_a_port_where_nobody_listens_is_found(home: Home, run: Run, plm: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}"
    home.connect("crm", plm, url=url)
    found = examined(run)["tls"]
    assert (found["state"], found["step"][:17]) == ("failed", "open the firewall")


def test_a_certificate_of_somebody_else_is_found(home: Home, run: Run, org: Sandbox) -> None:
    settings = {key: value for key, value in org.settings().items() if key != "ca_file"}
    home.connect("crm", org)
    file = home.folder / "connections" / "crm.yaml"
    written = yaml.safe_load(file.read_text())
    written["settings"] = {k: v for k, v in written["settings"].items() if k in settings}
    file.write_text(yaml.safe_dump(written))
    found = examined(run)["tls"]
    assert found["state"] == "failed"
    assert "set ca_file" in found["step"]


def test_a_good_certificate_and_the_quota_are_told(home: Home, run: Run, org: Sandbox) -> None:
    home.connect("crm", org)
    found = examined(run)
    assert "its certificate is good for" in found["tls"]["said"]
    assert "of the day's 100,000 are spent" in found["quota"]["said"]
    assert found["load Case"]["state"] == "ok"
    assert found["load Case"]["said"].startswith("there are 600 records, all seen just now; about")


def test_a_field_that_is_hidden_is_named_with_its_mapping(
    home: Home, run: Run, org: Sandbox
) -> None:
    home.connect("crm", org)
    org.mutate({"do": "hide", "stream": "Case", "field": "Description"})
    found = examined(run)["stream Case"]
    assert found["state"] == "failed"
    assert "Description (mappings/salesforce/Case.yaml:" in found["said"]
    assert "the right to read" in found["step"]


def test_a_used_up_quota_is_found(home: Home, run: Run, plm: Sandbox) -> None:
    home.connect("crm", plm)
    limit = {"Retry-After": "120"}
    plm.faults.add(Fault(path="/api/", status=429, headers=limit, times=None))
    found = examined(run)["quota"]
    assert (found["state"], found["step"]) == ("failed", "wait 120 s, or lengthen `every`")


def test_subscriptions_are_looked_at(home: Home, run: Run, directory: Sandbox) -> None:
    home.connect("crm", directory)
    assert examined(run)["subscriptions"]["said"] == "there is none"
    for hours, state in ((48, "ok"), (-1, "failed")):
        ends = directory.clock.now() + timedelta(hours=hours)
        with home.opened() as db, db.write() as tx:
            subscriptions.replace(tx, "crm", [Subscription("s-1", "users", ends)])
        assert examined(run)["subscriptions"]["state"] == state


def test_the_last_webhook_is_told(home: Home, run: Run, plm: Sandbox) -> None:
    home.connect("crm", plm)
    assert "no webhook has arrived" in examined(run)["deliveries"]["said"]
    with home.opened() as db, db.write() as tx:
        deliveries.store(tx, [Delivery("crm", "d-1", "{}", b"{}")], now=None)
    assert "the last one arrived 0 min ago" in examined(run)["deliveries"]["said"]


def test_a_connection_that_there_is_not_is_named(run: Run) -> None:
    told = run("doctor", "nobody")
    assert told.status == 1
    assert "no connection 'nobody'" in told.err


def test_a_recording_is_written_once(home: Home, run: Run, plm: Sandbox, tmp_path: Path) -> None:
    home.connect("crm", plm)
    file = tmp_path / "recorded.yaml"
    told = run("record", "crm/parts", "--to", str(file), "--records", "2")
    assert (told.status, told.out) == (0, f"wrote {file}; read it once before you share it\n")
    assert len(read(file).pull["parts"].ids) == 2
    assert plm.settings()["client_secret"] not in file.read_text()
    again = run("record", "crm/parts", "--to", str(file))
    assert again.status == 1
    assert "is there already" in again.err


def test_a_stream_that_cannot_be_recorded_is_named(home: Home, run: Run, plm: Sandbox) -> None:
    home.connect("crm", plm)
    told = run("record", "crm/trains", "--to", str(home.folder / "x.yaml"))
    assert told.err == "hub: crm has no stream 'trains'; it has: parts, defects\n"
