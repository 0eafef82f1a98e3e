"""`hub dead`: a few letters are retried at once, very many are left to the workers."""

from __future__ import annotations

import getpass

import pytest
from sqlalchemy import insert

from hub.app import Hub
from hub.cli.revivals import user
from hub.queue import Lane
from hub.store.work import dead_jobs
from hub.sync.connection import Connections
from hub.testing import Sandbox
from tests.cli.conftest import Home, Run


def bury(home: Home, many: int, *, connection: str = "crm", reason: str = "exhausted") -> None:
    """Dead jobs that go well when they are tried again."""
    row = {
        "lane": int(Lane.BACKFILL), "kind": "sweep", "connection": connection, "payload": {},
        "put_at": 1.0, "died_at": 2.0, "attempt": 12, "reason": reason, "error": "no",
    }  # fmt: skip
    rows = [row | {"key": f"{connection}/{reason}/{number}"} for number in range(many)]
    with home.opened() as db, db.write() as tx:
        tx.execute(insert(dead_jobs), rows)


def work(home: Home) -> None:
    """What a worker does in a moment."""
    with home.opened() as db:
        Hub(db, Connections([])).worker(threads=1).run_until_idle()


def dead(home: Home) -> int:
    with home.opened() as db, db.read() as tx:
        return int(tx.exec_driver_sql("SELECT count(*) FROM hub_dead_job").scalar_one())


def test_a_few_are_tried_at_once_and_waited_for(run: Run, home: Home) -> None:
    bury(home, 3)
    bury(home, 2, connection="shop")
    told = run("dead", "retry", "crm")
    assert (told.status, told.out) == (0, "3 letters tried again, 0 dead\n")
    assert dead(home) == 2
    assert run("dead", "revivals").err.startswith("no revivals")


def test_only_jobs_of_a_kind_or_reason_are_tried(run: Run, home: Home) -> None:
    bury(home, 3)
    bury(home, 2, reason="refused")
    assert run("dead", "retry", "--kind", "push").status == 1
    told = run("dead", "retry", "crm", "--kind", "sweep", "--reason", "refused")
    assert told.out == "2 letters tried again, 0 dead\n"
    assert dead(home) == 3


def test_very_many_are_foreseen_and_left_to_the_workers_once_told(run: Run, home: Home) -> None:
    bury(home, 1001)
    bury(home, 7, connection="shop")
    asked = run("dead", "retry", "crm")
    assert asked.status == 1
    assert asked.err == (
        "hub: this revives 1001 jobs, 50 a second, about 20 s; add --yes to begin\n"
    )
    assert dead(home) == 1008
    assert run("dead", "revivals").err.startswith("no revivals")

    begun = run("dead", "retry", "crm", "--yes")
    assert (begun.status, begun.out) == (
        0,
        "revival 1 begun: 1001 jobs, 50 a second, about 20 s\n",
    )
    assert dead(home) == 1008, "nothing happens before a worker comes by"
    work(home)
    assert dead(home) == 958
    heads, shown = (line.split("\t") for line in run("dead", "revivals").out.splitlines())
    assert heads == ["number", "of", "revived", "rate", "state", "by", "begun"]
    assert shown[:-1] == ["1", "crm", "50 of 1001", "50/s", "going on", getpass.getuser()]

    assert run("dead", "cancel", "1").out == "revival 1: cancelled\n"
    (_, shown) = (line.split("\t") for line in run("dead", "revivals").out.splitlines())
    assert shown[4] == f"cancelled by {getpass.getuser()}"
    again = run("dead", "cancel", "1")
    assert again.status == 1
    assert again.err == "hub: no revival 1 is going on; hub dead revivals shows them\n"


def test_a_rate_leaves_even_a_few_to_the_workers(run: Run, home: Home) -> None:
    bury(home, 5)
    asked = run("dead", "retry", "--rate", "2")
    assert asked.err == "hub: this revives 5 jobs, 2 a second, about 2 s; add --yes to begin\n"
    begun = run("dead", "retry", "--reason", "exhausted", "--rate", "2", "--yes")
    assert begun.status == 0, begun.err
    work(home)
    assert dead(home) == 3
    assert "\texhausted\t2 of 5\t2/s\tgoing on\t" in run("dead", "revivals").out


def test_dead_records_are_read_again_beside_the_jobs_that_are_left_to_workers(
    run: Run, home: Home, crm: Sandbox
) -> None:
    home.connect("crm", crm, horizon=0)
    assert run("sync", "crm").status == 0
    bury(home, 5)
    jobs_only = run("dead", "retry", "crm", "--reason", "exhausted", "--rate", "5")
    assert "5 jobs, 5 a second, about 1 s; add --yes" in jobs_only.err
    asked = run("dead", "retry", "crm", "--rate", "5")
    assert "1 record, 5 a second, about 0 s, and 5 jobs, 5 a second, about 1 s; add" in asked.err
    assert run("dead", "retry", "crm", "--rate", "5", "--yes").status == 0
    with home.opened() as db, db.read() as tx:
        waiting = "SELECT kind FROM hub_job WHERE kind <> 'bind' ORDER BY kind"
        kinds = tx.exec_driver_sql(waiting).scalars().all()  # PostgreSQL looks at references later
    assert kinds == ["reread", "revive"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("--id j1 --rate 5", "--id is a single letter; leave out --rate"),
        ("--id j1 --kind push --reason x", "--id is a single letter; leave out --kind and"),
        ("--kind push --group g00000000", "--kind is for jobs, --group for records"),
        ("--id r1 --field state", "--id is a single letter; leave out --field"),
        ("--rate 0", "should be greater than or equal to 1"),
    ],
)
def test_options_that_do_not_go_together_are_refused(run: Run, arguments: str, told: str) -> None:
    answer = run("dead", "retry", *arguments.split())
    assert answer.status == 2
    assert told in " ".join(answer.err.replace("│", " ").split())


@pytest.mark.parametrize("arguments", ["crm", "--rate 5 --yes", "--kind push"])
def test_where_nothing_is_dead_nothing_begins(run: Run, arguments: str) -> None:
    answer = run("dead", "retry", *arguments.split())
    assert answer.status == 1
    assert answer.err == "hub: nothing is dead there; hub dead list shows what is\n"
    assert run("dead", "revivals").out.count("\n") == 1


def test_a_user_always_has_a_name_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "x" * 200)
    assert user() == "x" * 100
