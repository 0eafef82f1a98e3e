"""The hub as real processes: signals, a full disk, other programs at the database, a terminal."""

from __future__ import annotations

import os
import pty
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from hub import queue
from hub.store.work import jobs, rates
from hub.sync.jobs import Bind, Job, Sweep, request
from hub.testing import Fault, Sandbox
from tests.cli.conftest import PATIENCE, Home, Run, ended, theirs
from tests.databases import ON_POSTGRESQL, ON_SQLITE, locked

NEVER = 300.0  # seconds: an answer that nobody waits for


def until(condition: Callable[[], Any]) -> Any:
    """What the condition finds at last."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never happened"
        threading.Event().wait(0.02)
    return found


@contextmanager
def stuck(sandbox: Sandbox, *, after: int) -> Iterator[Callable[[], None]]:
    """A request hangs once so many were answered; yields how to wait until one does."""
    sandbox.faults.add(Fault(path="graphql", skip=after, delay=NEVER))
    try:
        yield lambda: until(lambda: not sandbox.faults.shown())
    finally:
        sandbox.faults.clear()


@contextmanager
def running(home: Home, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A hub's process, and the address that it listens on."""
    with home.start(*arguments) as process:
        try:
            assert process.stdout
            found = re.search(r"listening on (\S+)", process.stdout.readline())
            assert found, process.communicate()
            yield process, found[1]
        finally:
            process.kill()


def test_what_ctrl_c_interrupts_goes_on_where_it_stopped(home: Home, shop: Sandbox) -> None:
    home.connect("shop", shop)
    with stuck(shop, after=2) as hanging, home.start("sync", "shop/customers") as process:
        hanging()
        process.send_signal(signal.SIGINT)
        told = ended(process)
    assert told.status == 130
    assert told.err.splitlines()[-2:] == [
        "hub: what was committed stays, the next hub sync goes on from there",
        "hub: interrupted",
    ]
    before = home.linked("shop", "customers")
    assert 0 < before < theirs(shop, "customers")
    shop.journal.clear()
    again = home.finish("sync", "shop/customers")
    assert again.status == 0, again.err
    assert home.linked("shop", "customers") == theirs(shop, "customers")
    assert f" {theirs(shop, 'customers') - before} created, " in again.out


def test_a_killed_hub_loses_nothing(home: Home, shop: Sandbox) -> None:
    home.connect("shop", shop)
    with stuck(shop, after=2) as hanging, home.start("sync", "shop/customers") as process:
        hanging()
        process.kill()
    assert 0 < home.linked("shop", "customers") < theirs(shop, "customers")
    with home.start("sync", "shop/customers") as process:
        assert process.stderr
        assert "another worker is at it" in process.stderr.readline()
        home.bury_dead_workers()
        again = ended(process)
    assert again.status == 0, again.err
    assert home.linked("shop", "customers") == theirs(shop, "customers")


def test_a_hub_takes_webhooks_shows_records_and_ends_when_told(
    home: Home, run: Run, shop: Sandbox
) -> None:
    home.connect("shop", shop)
    token = run("token", "new", "ops").out.strip()
    with running(home, "run") as (process, address):
        id = shop.mutate({"do": "list", "stream": "orders"})[0]
        shop.mutate({"do": "update", "stream": "orders", "id": id, "data": {"note": "By the door"}})
        sent = shop.emit({"stream": "orders", "id": id, "to": f"{address}/hooks/shop"})
        assert set(sent) == {202}
        with httpx.Client(base_url=f"{address}/admin/api") as api:
            assert api.get("/records/order").status_code == 401
            api.headers["Authorization"] = f"Bearer {token}"
            found = until(
                lambda: api.get(
                    "/records/order", params={"special_instructions": "By the door"}
                ).json()["records"]
            )
            assert found[0]["external_id"] == id
        process.send_signal(signal.SIGTERM)
        told = ended(process)
    assert told.status == 0, told.err
    assert told.out.endswith("ending: what runs is finished or handed back\n")
    assert token not in told.out + told.err


def test_a_worker_on_some_lanes_leaves_other_jobs_alone(home: Home, shop: Sandbox) -> None:
    home.connect("shop", shop)
    _put(home, Sweep())
    with home.start("work", "--lanes", "webhook, push", "--threads", "2") as process:
        try:
            assert process.stdout
            told = process.stdout.readline()
            assert told == "working with 2 threads on webhook and push; Ctrl-C ends it\n"
            until(lambda: "poll" in _kinds(home))  # the timetable puts them as ever
            _put(home, Bind("shop", "customers"))
            until(lambda: "bind" not in _kinds(home))
            process.send_signal(signal.SIGTERM)
            assert ended(process).status == 0
        finally:
            process.kill()
    assert {"poll", "sweep"} <= _kinds(home)
    with home.opened() as db, db.read() as tx:
        assert set(tx.execute(select(jobs.c.take))) == {(0,)}, "nobody ever had them in hand"
    assert home.linked("shop", "customers") == 0


def _put(home: Home, job: Job) -> None:
    with home.opened() as db, db.write() as tx:
        queue.put(tx, [request(job)])


def _kinds(home: Home) -> set[str]:
    with home.opened() as db, db.read() as tx:
        return set(tx.scalars(select(jobs.c.kind)))


@pytest.mark.parametrize(
    ("lanes", "strange"),
    [("webhok", "'webhok'"), ("push,", "''"), ("poll,x,y", "'x', 'y'"), (" ", "''")],
)
def test_a_lane_that_does_not_exist_is_named_with_those_that_do(
    run: Run, lanes: str, strange: str
) -> None:
    told = run("work", "--lanes", lanes)
    assert told.status == 2
    said = " ".join(told.err.replace("│", " ").split())
    assert "Invalid value for --lanes" in said
    assert f"{strange}: no such lane; there are webhook, push, poll, backfill" in said


@ON_POSTGRESQL
def test_every_process_keeps_a_connections_rate_limit_with_the_others(
    home: Home, run: Run, crm: Sandbox
) -> None:
    home.connect("crm", crm, horizon=0)
    assert run("sync", "crm/Account").status == 0
    with home.opened() as db, db.read() as tx:
        assert tx.scalars(select(rates.c.account)).all() == ["crm"]


def test_who_syncs_waits_for_another_program_that_writes(
    home: Home, run: Run, crm: Sandbox
) -> None:
    home.connect("crm", crm, horizon=0)
    with home.opened() as db, locked(db) as let_go:
        assert run("status").status == 0, "who only reads does not wait"
        release = threading.Timer(0.5, let_go)
        release.start()
        synced = run("sync", "crm/Account")
        release.join()
    assert synced.status == 0, synced.err
    assert home.linked("crm", "Account") == theirs(crm, "Account")


def _obeying_file_modes() -> list[str]:
    """What makes a command obey them, also where the tests run as root."""
    if os.geteuid():
        return []
    if not shutil.which("setpriv"):
        pytest.skip("root writes to read-only files, and setpriv is not here to stop it")
    drop = "-dac_override,-dac_read_search"
    return ["setpriv", "--bounding-set", drop, "--inh-caps", drop]


@ON_SQLITE
def test_a_read_only_database_says_what_to_allow(home: Home, shop: Sandbox) -> None:
    home.connect("shop", shop)
    command = [*_obeying_file_modes(), sys.executable, "-c", "from hub.cli import main; main()"]
    (home.folder / "hub.db").chmod(0o444)
    home.folder.chmod(0o555)
    try:
        told = subprocess.run(
            [*command, "sync", "shop/customers", "-c", home.folder],
            capture_output=True, text=True, check=False, timeout=PATIENCE,
            env={**os.environ, **home.environment},
        )  # fmt: skip
    finally:
        home.folder.chmod(0o755)
    assert told.returncode == 1
    (line,) = told.stderr.splitlines()
    assert line.startswith(f"hub: database {home.url}: ")
    assert "this user must be allowed to write to" in line


@ON_SQLITE
def test_a_disk_that_takes_no_more_ends_the_run_and_the_next_one_goes_on(
    home: Home, shop: Sandbox
) -> None:
    home.connect("shop", shop)

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_200_000, 1_200_000))

    told = home.finish("sync", "shop/customers", preexec_fn=little_room)
    assert told.status == 1
    assert "disk I/O error; look at the disk: is it full?" in told.err.splitlines()[-1]
    assert "Traceback" not in told.err
    with closing(sqlite3.connect(home.folder / "hub.db")) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    before = home.linked("shop", "customers")
    assert before < theirs(shop, "customers")
    home.bury_dead_workers()
    again = home.finish("sync", "shop/customers")
    assert again.status == 0, again.err
    assert home.linked("shop", "customers") == theirs(shop, "customers")


def test_a_terminal_gets_a_bar_and_a_table(home: Home, crm: Sandbox) -> None:
    home.connect("crm", crm, horizon=0)
    ours, childs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", "from hub.cli import main; main()", "sync", "crm/Contact",
         "-c", home.folder],
        stdin=childs, stdout=childs, stderr=childs,
        env={**os.environ, **home.environment, "TERM": "xterm-256color", "COLUMNS": "120"},
    ) as process:  # fmt: skip
        os.close(childs)
        shown = _everything(ours)
        assert process.wait(PATIENCE) == 0, shown
    count = theirs(crm, "Contact")
    assert re.search(rf"crm/Contact +\S*━+\S* +\S*{count} records", shown), shown
    assert re.search(rf"│ crm/Contact │ ok +│ +{count} │", shown), shown


def _everything(terminal: int) -> str:
    """What a process writes to its terminal until it ends, without the colours."""
    told = b""
    try:
        while part := os.read(terminal, 65_536):
            told += part
    except OSError:  # how Linux says that nobody is at the other end any more
        pass
    finally:
        os.close(terminal)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", told.decode())
