"""Every command, as somebody meets it who types it."""

from __future__ import annotations

import json
import logging
import re
import socket
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from sqlalchemy import text

from hub import registry
from hub.cli.log import set_up_log
from hub.store import schema
from hub.testing import Fault, Sandbox, serve
from tests.cli.conftest import Home, Run, theirs
from tests.databases import ON_POSTGRESQL, ON_SQLITE, Databases


def test_help_names_every_command(run: Run) -> None:
    told = run("--help", where=None)
    assert told.status == 0
    for command in (
        "init", "check", "migrate", "run", "serve", "work", "sync", "status", "resume", "show",
        "dead", "conflicts", "explain", "token", "scim", "spoke", "sandbox", "demo", "doctor", "record",
    ):  # fmt: skip
        assert f" {command} " in told.out


@pytest.mark.parametrize(
    "arguments", [["bogus"], ["status", "--bogus"], ["sync"], ["run", "--port", "70000"], []]
)
def test_wrong_usage_is_status_2_and_says_what_is_wrong(run: Run, arguments: list[str]) -> None:
    told = run(*arguments, where=None)
    assert told.status == 2
    assert "Usage" in told.out + told.err
    assert "Traceback" not in told.err


def test_a_folder_is_made_checked_and_looked_at(run: Run, tmp_path: Path) -> None:
    new = tmp_path / "new"
    made = run("init", str(new), where=None)
    assert (made.status, made.err) == (0, "")
    assert f"hub check -c {new}" in made.out
    assert run("check", where=new).out == f"{new}: 0 connections, 0 mapped streams: all well\n"
    assert run("migrate", where=new).out == "the database is up to date\n"
    looked = run("status", where=new)
    assert looked.status == 0
    assert looked.out.startswith("stream\tstate\tseen\t")
    assert looked.err == f"no connections; each is a file in {new / 'connections'}\n"


def test_a_folder_begins_with_the_database_that_the_environment_names(
    run: Run, home: Home, databases: Databases, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    url = databases.empty(tmp_path / "elsewhere")
    home.environment["HUB_DATABASE"] = url
    assert run("init", str(tmp_path / "new"), where=None).out.startswith("applied 0001 ")
    assert run("check", where=tmp_path / "new").status == 0
    assert run("token", "new", "ann", where=tmp_path / "new").out.startswith("hub_")
    assert run("token", "list", where=tmp_path / "new").out.splitlines()[1].startswith("ann\t")
    assert not (tmp_path / "new" / "hub.db").exists()
    databases.drop(url)


def test_a_folder_that_is_used_is_not_overwritten(run: Run, home: Home) -> None:
    told = run("init", str(home.folder), where=None)
    assert told.status == 1
    assert told.err == f"hub: {home.folder} is not empty; name a new folder\n"


def test_the_editors_schemas_are_written_anew_and_nothing_else(run: Run, home: Home) -> None:
    before = {file.name for file in home.folder.iterdir()}
    assert run("init", str(home.folder), "--schemas", where=None).status == 0
    added = {file.name for file in home.folder.iterdir()} - before
    assert added == {"hub.schema.json", "connection.schema.json"}


def test_a_folder_that_cannot_be_made_says_so(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = run("init", str(tmp_path / "file" / "hub"), where=None)
    assert told.status == 1
    assert "Not a directory" in told.err
    assert "Traceback" not in told.err


def test_every_fault_is_told_at_once_on_a_line_that_begins_with_its_file(
    run: Run, home: Home
) -> None:
    (home.folder / "hub.yaml").write_text("threads: 0\nlisen: {}\n")
    (home.folder / "connections" / "a.yaml").write_text("spoke: sap")
    told = run("check")
    assert told.status == 1
    *faults, summary = told.err.splitlines()
    assert summary == "hub: 3 faults to mend"
    assert [fault.partition(": ")[0] for fault in faults] == [
        f"{home.folder}/hub.yaml:1:1",
        f"{home.folder}/hub.yaml:2:1",
        f"{home.folder}/connections/a.yaml:1:1",
    ]


def test_a_configuration_that_is_well_is_said_to_be(
    run: Run, home: Home, shop: Sandbox, crm: Sandbox
) -> None:
    home.connect("shop", shop)
    home.connect("crm", crm)
    assert run("check").out.endswith(": 2 connections, 9 mapped streams: all well\n")


def test_a_stream_is_synced_and_shown(run: Run, home: Home, crm: Sandbox) -> None:
    home.connect("crm", crm, horizon=0)
    synced = run("sync", "crm")
    assert synced.status == 0, synced.err
    count = theirs(crm, "Contact")
    assert f"crm/Contact: {count} seen, {count} created, 0 updated, 0 unchanged" in synced.out

    again = run("sync", "crm/Contact", "--full")
    assert f"crm/Contact: {count} seen, 0 created, 0 updated, {count} unchanged" in again.out

    (crm_status,) = json.loads(run("status", "--json").out)
    states = {one["stream"]: one["state"] for one in crm_status["streams"]}
    assert set(states) == {"Account", "Contact", "Case", "CaseComment", "ContentVersion"}
    assert set(states.values()) == {"ok"}

    shown = run("show", "case", "CS0001001")
    assert shown.status == 0
    assert "\ncrm\tCase\t500" in shown.out
    assert "(created)" in shown.out

    _look_at_the_dead_record(run)


def _look_at_the_dead_record(run: Run) -> None:
    listed = run("dead", "list", "crm/Case").out.splitlines()
    assert len(listed) == 2
    id, of, key, _, why = listed[1].split("\t")
    assert of == "crm/Case"
    assert "Case.yaml:" in why
    assert "state: no value for 'Exploded'" in why

    letter = json.loads(run("dead", "show", id).out)
    assert letter["external_id"] == key
    assert letter["faults"][0]["field"] == "state"
    assert letter["raw"]["Status"] == "Exploded"

    retried = run("dead", "retry", "crm")
    assert retried.status == 1
    assert retried.out == "1 letter tried again, 1 dead\n"
    assert retried.err == "hub: 1 still dead: mend what hub dead list says, then retry\n"

    assert run("dead", "drop", id).out == f"{id}: dropped\n"
    assert run("dead", "list").err == "nothing is dead\n"
    assert run("dead", "retry").status == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("sync crn", "no connection 'crn'; there are: crm"),
        ("sync crm/Caes", "crm polls no stream 'Caes'; it has: Account, Contact, Case"),
        ("resume crn", "no connection 'crn'; there are: crm"),
        ("resume crm", "crm is not paused"),
        ("dead list crn", "no connection 'crn'; there are: crm"),
        ("dead show r99", "no dead letter 'r99'; hub dead list shows them"),
        ("dead show j99", "no dead letter 'j99'; hub dead list shows them"),
        ("dead drop 99", "'99' is no dead letter's id: r12 is a record, j7 a job"),
        ("dead retry --id r99", "nothing is dead there; hub dead list shows what is"),
        ("show cse CS0001001", "no entity is called 'cse'; did you mean 'case'?"),
        ("show case CS9999999", "no case has the number or sys_id 'CS9999999'"),
        ("token revoke bob", "no token is called 'bob'; hub token list shows them"),
        ("token new bob/..", "a token cannot be called 'bob/..': up to 40 letters, digits and"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(
    run: Run, home: Home, crm: Sandbox, arguments: str, told: str
) -> None:
    home.connect("crm", crm)
    answer = run(*arguments.split())
    assert answer.status == 1
    assert answer.err.startswith(f"hub: {told}")
    assert answer.err.count("\n") == 1


def test_a_sandbox_that_does_not_exist_is_named(run: Run) -> None:
    told = run("sandbox", "salesfroce", where=None)
    assert told.status == 1
    assert told.err == "hub: no spoke is called 'salesfroce'; did you mean salesforce?\n"


def test_a_seed_that_does_not_exist_is_named(run: Run) -> None:
    told = run("sandbox", "salesforce", "--seed", "/no/such", where=None)
    assert (told.status, told.err) == (1, "hub: /no/such: no such folder\n")


def test_a_token_is_shown_once_and_its_name_is_taken(run: Run) -> None:
    made = run("token", "new", "bob")
    assert made.out.startswith("hub_")
    again = run("token", "new", "bob")
    assert again.status == 1
    assert again.err == ("hub: there is a token 'bob' already: revoke it or choose another name\n")
    listed = run("token", "list")
    assert listed.out.splitlines()[1].startswith("bob\t")
    assert made.out.strip() not in listed.out
    assert run("token", "revoke", "bob").status == 0
    assert run("token", "list").err == "no tokens; hub token new NAME makes one\n"


def test_wrong_credentials_pause_a_connection_until_it_is_resumed(
    run: Run, home: Home, crm: Sandbox
) -> None:
    home.connect("crm", crm, horizon=0)
    right = home.environment["CRM_CLIENT_SECRET"]
    home.environment["CRM_CLIENT_SECRET"] = "not-the-secret"
    refused = run("sync", "crm/Account")
    assert refused.status == 1
    assert "hub: crm/Account: AuthFailed: " in refused.err
    assert refused.out.count("AuthFailed") == 1, "what holds the connection is said once"
    assert "next: mend the cause, then: hub resume crm" in refused.out
    assert "not-the-secret" not in refused.out + refused.err

    home.environment["CRM_CLIENT_SECRET"] = right
    assert run("sync", "crm/Account").status == 1
    assert run("resume", "crm").out == "crm: resumed\n"
    assert run("sync", "crm/Account").status == 0
    assert home.linked("crm", "Account") == theirs(crm, "Account")


def test_somebody_who_syncs_does_not_wait_until_a_failed_poll_is_due(
    run: Run, home: Home, crm: Sandbox
) -> None:
    home.connect("crm", crm, horizon=0)
    file = home.folder / "connections" / "crm.yaml"
    right = file.read_text()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    file.write_text(right.replace(crm.url, f"https://127.0.0.1:{port}"))
    failed = run("sync", "crm/Account")
    assert failed.status == 1
    assert "Connection refused" in failed.err
    with home.opened() as db, db.write() as tx:
        tx.execute(text("UPDATE hub_job SET run_at = run_at + 3600"))
    file.write_text(right)
    assert run("sync", "crm/Account").status == 0
    assert home.linked("crm", "Account") == theirs(crm, "Account")


def test_a_poll_that_is_given_up_is_a_dead_job_that_can_be_retried(
    run: Run, home: Home, crm: Sandbox
) -> None:
    home.connect("crm", crm, horizon=0)
    refusal = [{"errorCode": "MALFORMED_QUERY", "message": "unexpected token"}]
    crm.faults.add(Fault(path="/query", status=400, body=refusal, times=None))
    try:
        refused = run("sync", "crm/Account")
    finally:
        crm.faults.clear()
    assert refused.status == 1
    assert "crm/Account: Permanent: " in refused.err
    (job,) = run("dead", "list").out.splitlines()[1:]
    id, of, key, _, why = job.split("\t")
    assert (id, of, key) == ("j1", "crm poll", "crm/Account")
    assert why.startswith("refused: ")
    assert json.loads(run("dead", "show", id).out)["payload"]["stream"] == "Account"
    assert "hub dead list" in run("status").out
    retried = run("dead", "retry", "--id", id)
    assert (retried.status, retried.out) == (0, "1 letter tried again, 0 dead\n")
    assert home.linked("crm", "Account") == theirs(crm, "Account")


OLD, NEWER = "0001", "9999"


@pytest.mark.parametrize(
    "command", ["check", "run", "serve", "work", "status", "sync crm", "token new bob"]
)
@pytest.mark.parametrize(
    ("version", "told"),
    [
        (OLD, f"has schema version 0001; this program needs {schema.head()}: stop every hub that"),
        (NEWER, "has schema version 9999, which this program does not know"),
    ],
)
def test_a_database_of_another_version_is_not_touched(
    run: Run, home: Home, command: str, version: str, told: str
) -> None:
    with home.opened() as db, db.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": version})
    answer = run(*command.split())
    assert answer.status == 1
    assert told in answer.err
    assert answer.err.count("\n") == 1


def test_a_newer_database_is_not_migrated(run: Run, home: Home) -> None:
    with home.opened() as db, db.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": NEWER})
    assert "A newer release has migrated it" in run("migrate").err


@ON_SQLITE
def test_a_file_that_is_not_there_yet_is_made_by_migrating(run: Run, home: Home) -> None:
    (home.folder / "hub.db").unlink()
    checked = run("check")
    assert checked.status == 0
    assert checked.err == "there is no database yet: hub migrate makes it\n"
    assert not (home.folder / "hub.db").exists()
    assert "run `hub migrate`" in run("status").err
    assert run("migrate").out.startswith("applied 0001 ")
    assert run("status").status == 0


def test_a_database_without_a_schema_says_what_to_run(
    run: Run, home: Home, databases: Databases, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    other = replace(home, url=databases.empty(tmp_path / "empty"))
    other.environment["HUB_DATABASE"] = other.url
    with other.opened() as db, db.read():
        pass  # makes the file
    for command in ("check", "status", "run"):
        told = run(command)
        assert (told.status, told.err.count("\n")) == (1, 1)
        assert "has no schema yet" in told.err
        assert "run `hub migrate`" in told.err
    assert run("migrate").out.startswith("applied 0001 ")
    assert run("check").status == 0
    databases.drop(other.url)


@pytest.mark.parametrize("command", ["check", "migrate", "status", "run", "serve", "work"])
def test_a_database_that_is_gone_is_told_in_a_line(
    run: Run, home: Home, databases: Databases, command: str
) -> None:
    databases.lose(home.url)
    told = run(command)
    assert (told.status, told.err.count("\n")) == (1, 1)
    assert re.match("hub: database .*(its folder must exist|create it, or name another)", told.err)


@ON_POSTGRESQL
def test_a_database_that_can_only_be_read_is_no_use(
    run: Run, home: Home, databases: Databases
) -> None:
    home.environment["HUB_DATABASE"] = databases.read_only(home.url)
    told = run("check")
    assert (told.status, told.err.count("\n")) == (1, 1)
    assert "this is a standby, or made read-only: name the server that can be" in told.err
    assert run("status").status == 0


@ON_POSTGRESQL
def test_a_password_is_never_shown(run: Run, home: Home) -> None:
    home.environment["HUB_DATABASE"] = "postgresql://hub:s3cret@127.0.0.1:1/hub"
    for command in ("check", "migrate", "status", "run", "token new ann", "sync crm"):
        told = run(*command.split())
        assert told.status == 1
        assert told.err.startswith("hub: database postgresql://hub:***@127.0.0.1:1/hub: ")
        assert "s3cret" not in told.out + told.err


@ON_SQLITE
def test_a_file_that_is_no_database_says_so(run: Run, home: Home) -> None:
    (home.folder / "hub.db").write_text("Dear diary, " * 100)
    told = run("status")
    assert told.status == 1
    assert told.err == (
        f"hub: database {home.url}: file is not a database; "
        "name another file, or restore the last backup\n"
    )


@pytest.mark.parametrize("command", ["run", "serve"])
def test_a_port_that_is_taken_ends_everything(run: Run, command: str) -> None:
    before = set(threading.enumerate())
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        told = run(command, "--port", str(port))
    assert told.status == 1
    assert told.err.startswith(f"hub: cannot listen on 127.0.0.1:{port}: Address already in use; ")
    assert told.err.endswith("set another port (hub.yaml: listen.port, or --port)\n")
    assert set(threading.enumerate()) <= before  # others of earlier tests may end meanwhile


def test_a_sandboxs_port_that_is_taken_is_named(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        told = run("sandbox", "shopify", "--port", str(other.getsockname()[1]), where=None)
    assert told.status == 1
    assert "choose another port" in told.err
    assert told.err.count("\n") == 1


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_traceback_in_the_log_shows_no_variables(
    capsys: pytest.CaptureFixture[str], form: str
) -> None:
    set_up_log("info", form)
    password = "sesame" + "-opens"
    for complain in (structlog.get_logger().exception, logging.getLogger("a library").exception):
        try:
            int(password[:0])
        except ValueError:
            complain("it broke")
        told = capsys.readouterr().err
        assert "it broke" in told
        assert "ValueError" in told
        assert "sesame-opens" not in told
        if form == "json":
            assert [json.loads(line)["level"] for line in told.splitlines()] == ["error"]
    set_up_log()


def test_the_log_keeps_below_the_level_that_is_set(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_log("error")
    structlog.get_logger().warning("nobody wants to know")
    assert capsys.readouterr().err == ""
    set_up_log()


def test_everything_is_read_again_after_a_forecast(home: Home, run: Run, crm: Sandbox) -> None:
    home.connect("crm", crm)
    run("sync", "crm/Contact")
    told = run("sync", "crm/Contact", "--full")
    count = theirs(crm, "Contact")
    assert told.status == 0
    assert f"crm/Contact: there are {count:,} records, all seen just now; about " in told.err
    assert "less than 0.1% of the day's 100,000; " in told.err
    assert "are spent (sforce-limit-info); ends about 20" in told.err


def test_streams_are_foreseen_each_and_altogether(home: Home, run: Run, shop: Sandbox) -> None:
    home.connect("shop", shop)
    said = run("sync", "shop", "--full").err
    assert f"shop/customers: they say {theirs(shop, 'customers')} records; " in said
    assert f"shop/orders: they say {theirs(shop, 'orders')} records; " in said
    assert "shop/refunds: how many records there are is not known before the end; " in said
    assert "shop: at least about " in said


def test_what_changed_since_a_moment_is_read_again(home: Home, run: Run, crm: Sandbox) -> None:
    home.connect("crm", crm)
    run("sync", "crm/Contact")
    told = run("sync", "crm/Contact", "--since", "2199-01-01")
    assert told.status == 0
    assert "crm/Contact: no record is there" in told.err


def test_who_cannot_be_asked_since_a_moment_says_so(home: Home, run: Run) -> None:
    with serve(registry.sandbox("entra")()) as directory:
        home.connect("staff", directory)
        told = run("sync", "staff/users", "--since", "2026-05-01")
    assert told.status == 1
    assert "staff/users cannot be asked since a moment: hub sync staff/users --full" in told.err


def test_full_and_since_are_two_things(home: Home, run: Run, crm: Sandbox) -> None:
    home.connect("crm", crm)
    told = run("sync", "crm", "--full", "--since", "2026-05-01")
    assert "--full is everything, --since a part of it: give one" in told.err
