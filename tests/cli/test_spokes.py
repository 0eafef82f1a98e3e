"""`hub spoke` and `hub sandbox all`: new spokes, their level, and every sandbox behind one page."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from hub import registry
from tests.cli.conftest import PATIENCE, Ended, Run

ROOT = Path(__file__).parents[2]


def hub(root: Path, *arguments: str) -> Ended:
    """The command in a checkout of its own."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    command = [sys.executable, "-c", "from hub.cli import main; main()", *arguments]
    ended = subprocess.run(
        command, cwd=root, env={**environment, "PYTHONPATH": f"{root}:{ROOT}"},
        capture_output=True, text=True, check=False, timeout=4 * PATIENCE,
    )  # fmt: skip
    return Ended(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "spokes").mkdir()
    (tmp_path / "spokes" / "__init__.py").write_text("")
    assert hub(tmp_path, "spoke", "new", "lamps", "--kind", "field_service").status == 0
    return tmp_path


def test_spokes_are_listed_with_what_they_can(run: Run) -> None:
    listed = run("spoke", "list", where=None)
    rows = [line.split("\t") for line in listed.out.splitlines()]
    assert rows[0] == ["name", "kind", "can", "streams", "sandbox", "level"]
    assert [row[0] for row in rows[1:]] == registry.names()
    assert {row[5] for row in rows[1:]} == {"-"}
    assert "--levels" in listed.err


def test_a_new_spoke_is_written_into_the_checkout(checkout: Path) -> None:
    assert (checkout / "spokes" / "lamps" / "spoke.py").exists()
    assert (checkout / "mappings" / "lamps" / "work_orders.yaml").exists()
    assert (checkout / "tests" / "spokes" / "lamps" / "example.yaml").exists()
    again = hub(checkout, "spoke", "new", "lamps")
    assert again.status == 1
    assert "is taken" in again.err


def test_a_new_spoke_may_be_written_elsewhere(run: Run, tmp_path: Path) -> None:
    told = run("spoke", "new", "lamps", "--yaml", "--into", str(tmp_path / "x"), where=None)
    assert told.status == 0
    assert "wrote spokes/lamps/spoke.yaml" in told.out
    assert (tmp_path / "x" / "spokes" / "lamps" / "spoke.yaml").exists()


def test_a_description_that_cannot_be_read_is_named(run: Run, tmp_path: Path) -> None:
    missing = str(tmp_path / "api.yaml")
    told = run("spoke", "new", "lamps", "--from", missing, "--into", str(tmp_path), where=None)
    assert told.status == 1
    assert told.err == f"hub: {missing}: cannot be read: No such file or directory\n"


@pytest.mark.timeout(300)
def test_a_level_is_computed_from_the_rules(checkout: Path) -> None:
    """Gold as it is written; silver rules are lost with a careless line; without tests, nothing."""
    told = hub(checkout, "spoke", "check", "lamps")
    assert (told.status, told.out.splitlines()[-1]) == (0, "lamps: gold")
    spoke = checkout / "spokes" / "lamps" / "spoke.py"
    text = spoke.read_text()
    careless = text.replace(
        "secrets = [one for one in (self", "return\n        secrets = [one for one in (self"
    )
    assert careless != text
    spoke.write_text(careless)
    told = hub(checkout, "spoke", "check", "lamps", "--json")
    assert told.status == 1
    judged = json.loads(told.out)
    failed = {one["rule"] for one in judged["rules"] if one["outcome"] == "fail"}
    assert judged["level"] == "bronze"
    assert "refuses_a_forged_webhook" in failed
    assert "lamps breaks" in told.err
    (checkout / "tests" / "spokes" / "lamps" / "example.yaml").unlink()
    told = hub(checkout, "spoke", "check", "lamps")
    assert told.status == 1
    assert "has no" in told.err
    assert "example.yaml" in told.err


def test_without_a_mapping_nothing_is_proven(checkout: Path) -> None:
    (checkout / "mappings" / "lamps" / "work_orders.yaml").unlink()
    judged = json.loads(hub(checkout, "spoke", "check", "lamps", "--json").out)
    unproven = {one["rule"] for one in judged["rules"] if one["outcome"] == "not proven"}
    assert {"ends_with_the_same_records", "its_mappings_keep_their_examples"} <= unproven
    assert judged["level"] == "none"


def test_an_unknown_spoke_is_answered_with_the_nearest(run: Run) -> None:
    told = run("spoke", "check", "salesfroce", where=None)
    assert told.err == "hub: no spoke is called 'salesfroce'; did you mean salesforce?\n"


def test_the_suite_without_pytest_is_named(checkout: Path) -> None:
    (checkout / "pytest.py").write_text("raise ModuleNotFoundError('No module named pytest')\n")
    told = hub(checkout, "spoke", "check", "lamps")
    assert told.status == 1
    assert "needs pytest: pip install" in told.err


def test_every_sandbox_stands_behind_one_page() -> None:
    command = [sys.executable, "-c", "from hub.cli import main; main()", "sandbox", "all"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line)
                if line.startswith("control page: "):
                    break
            page = lines[-1].removeprefix("control page: ").strip()
            text = httpx.get(page, timeout=PATIENCE, trust_env=False).text
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
    with_sandbox = [name for name in registry.names() if registry.describe(name).has_sandbox]
    assert [name for name in with_sandbox if f'<section id="{name}">' not in text] == []


def test_all_sandboxes_take_no_seed(run: Run, tmp_path: Path) -> None:
    told = run("sandbox", "all", "--seed", str(tmp_path), where=None)
    assert told.err == "hub: --seed is for one sandbox: each vendor has a format of its own\n"
