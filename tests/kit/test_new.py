"""What `hub spoke new` writes works as it is: it is formatted, typed, and passes the whole suite."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import get_args

import pytest

from hub.kit.new import Refused, write
from hub.kit.outline import Kind

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
SUITE = ROOT / "tests" / "spokes" / "test_conformance.py"
WRITTEN = [(f"{kind}_{'yaml' if y else 'py'}", kind, y)
           for kind, y in product(get_args(Kind), (False, True))]  # fmt: skip
DRAFTED = [
    ("helpdesk", "crm", False, HERE / "descriptions" / "helpdesk.yaml"),
    ("fieldwork", "field_service", True, HERE / "descriptions" / "metadata.xml"),
]

pytestmark = pytest.mark.timeout(600)  # a dozen spokes through the whole suite, on a busy machine


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with nothing in it but a new spoke of every kind, in Python and in YAML."""
    root = tmp_path_factory.mktemp("checkout")
    (root / "spokes").mkdir()
    (root / "spokes" / "__init__.py").write_text('"""Spokes."""\n')
    for name, kind, as_yaml in WRITTEN:
        write(root, name, kind, as_yaml=as_yaml)
    for name, kind, as_yaml, described in DRAFTED:
        write(root, name, kind, as_yaml=as_yaml, described=described)  # type: ignore[arg-type]
    shutil.copy(SUITE, root / "tests" / "spokes")
    return root


def run(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A tool with this project's settings, in the checkout."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=root,
        env={**environment, "PYTHONPATH": f"{root}:{ROOT}", "MYPYPATH": f"{root}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_new_spoke_passes_the_whole_suite(checkout: Path) -> None:
    settings = ("-c", str(ROOT / "pyproject.toml"), "--rootdir", str(checkout))
    suite = str(checkout / "tests" / "spokes" / "test_conformance.py")
    ended = run(checkout, "pytest", *settings, suite, "-q", "-n", "4", "-p", "no:cacheprovider")
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    assert "not proven" not in ended.stdout


def test_what_is_written_is_formatted_and_typed(checkout: Path) -> None:
    settings = str(ROOT / "pyproject.toml")
    for tool in (("check",), ("format", "--check")):
        ended = run(checkout, "ruff", *tool, "--no-cache", "--config", settings, "spokes")
        assert ended.returncode == 0, ended.stdout + ended.stderr
    cache = ("--cache-dir", str(checkout / "types"))
    ended = run(checkout, "mypy", "--config-file", settings, *cache, "-p", "spokes")
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_new_spoke_is_short(checkout: Path) -> None:
    text = (checkout / "spokes" / "crm_py" / "spoke.py").read_text()
    assert len([line for line in text.splitlines() if line.strip()]) < 60
    text = (checkout / "spokes" / "crm_yaml" / "spoke.yaml").read_text()
    assert len(text.splitlines()) < 40


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    mapping = tmp_path / "mappings" / "acme_new" / "tickets.yaml"
    mapping.parent.mkdir(parents=True)
    mapping.write_text("mine")
    with pytest.raises(Refused, match="mappings/acme_new is there already"):
        write(tmp_path, "acme_new", "crm")
    assert not (tmp_path / "spokes").exists()
    assert mapping.read_text() == "mine"


@pytest.mark.parametrize(
    "name", ["", "a", "Acme", "2fast", "class", "with-dash", "ä" * 3, "../up", "x" * 41]
)
def test_a_name_that_no_module_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refused, match="cannot be a spoke's name"):
        write(tmp_path, name, "crm")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["salesforce", "hub", "all", "tests"])
def test_a_taken_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refused, match="is taken"):
        write(tmp_path, name, "crm")
