"""`hub reconcile` says which records are out of sync now, and with --repair has them mended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from hub import registry
from hub.testing import Sandbox, serve
from tests.cli.conftest import Home, Run


@pytest.fixture
def plm() -> Iterator[Sandbox]:
    with serve(registry.sandbox("plm")()) as sandbox:
        yield sandbox


@pytest.fixture
def synced(home: Home, run: Run, plm: Sandbox) -> Sandbox:
    home.connect("quality", plm)
    assert run("sync", "quality").status == 0
    return plm


def disturb(plm: Sandbox) -> tuple[str, str]:
    """Change one defect and delete another, unseen; their ids."""
    with plm.lock:
        changed, gone, *_ = plm.mutate({"do": "list", "stream": "defects"})
        at = (plm.clock.now() - timedelta(minutes=9)).isoformat()
        change = {"do": "update", "stream": "defects", "id": changed, "data": {"title": "Burns"}}
        plm.mutate(change | {"at": at})
        plm.mutate({"do": "delete", "stream": "defects", "id": gone, "at": at})
    return changed, gone


@pytest.mark.usefixtures("synced")
def test_all_is_in_step_after_a_sync(run: Run) -> None:
    told = run("reconcile", "quality")
    assert told.status == 0
    assert "out of sync" not in told.out


def test_what_is_out_of_sync_is_named_and_left_alone(run: Run, synced: Sandbox) -> None:
    changed, gone = disturb(synced)
    told = run("reconcile", "quality/defects")
    assert told.status == 2
    assert "2 records out of sync now; --repair mends them" in told.out
    steps = json.loads(run("reconcile", "quality/defects", "--json").out)["steps"]
    assert {(one["external_id"], one["action"]) for one in steps} == {
        (changed, "update"), (gone, "delete"),
    }  # fmt: skip


def test_repair_mends_it(run: Run, synced: Sandbox) -> None:
    disturb(synced)
    assert run("reconcile", "quality/defects", "--repair").status == 0
    assert run("sync", "quality/defects").status == 0
    assert run("reconcile", "quality/defects").status == 0


@pytest.mark.usefixtures("synced")
def test_one_answer_at_a_time(run: Run) -> None:
    told = run("reconcile", "quality", "--repair", "--keep-missing")
    assert told.status == 2
    assert "give one" in told.err


def test_a_record_that_is_dead_is_out_of_sync(home: Home, run: Run, crm: Sandbox) -> None:
    home.connect("crm", crm)
    run("sync", "crm/Account")
    run("sync", "crm/Case")
    told = run("reconcile", "crm/Case")
    assert told.status == 2
    assert "1 dead" in told.out
    assert "1 record out of sync now" in told.out
