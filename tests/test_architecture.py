"""What no reviewer should have to look for: layers, sizes, first sentences."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LONGEST = 400  # lines
HOMELESS = {"utils", "util", "common", "core", "helpers", "helper", "base", "manager", "services"}
MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("hub", "spokes")
    for path in (ROOT / folder).rglob("*.py")
)
SHIPPED = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("hub", "spokes", "mappings", "docs", "config", "docker")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".yaml", ".md", ".json", ".toml"} and "__pycache__" not in path.parts
)


@cache
def tree(module: str) -> ast.Module:
    return ast.parse((ROOT / module).read_text(encoding="utf-8"))


def test_the_layers_hold() -> None:
    found = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_short_enough_to_be_one_idea(module: str) -> None:
    lines = len((ROOT / module).read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST, f"{module} has {lines} lines; past {LONGEST} it is two ideas"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_opens_with_what_it_is(module: str) -> None:
    first = (ast.get_docstring(tree(module)) or "").partition("\n\n")[0].strip()
    assert first, f"{module} does not say what it is"
    title = "migrations/versions" in module  # what `hub migrate` shows of a step
    assert title or first[-1] in ".:?", f"{module}: its first sentence does not end: {first!r}"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_a_name_of_its_own(module: str) -> None:
    path = Path(module)
    assert not HOMELESS & {*path.parts, path.stem}


@pytest.mark.parametrize("module", MODULES)
def test_nothing_is_left_for_later(module: str) -> None:
    text = (ROOT / module).read_text(encoding="utf-8")
    for word in ("NotImplementedError", "TODO", "FIXME", "XXX"):
        assert word not in text


INDEX = "index{}url".format("-")  # in two parts, for this file is looked at as well


@pytest.mark.parametrize("file", SHIPPED)
def test_no_file_knows_whose_machine_it_was_written_on(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    for place in (*(f"/{top}/" for top in ("work", "home", "Users")), INDEX):
        assert place not in text, f"{file} names {place}"


def test_the_hub_names_no_spoke() -> None:
    names = [path.name for path in (ROOT / "spokes").iterdir() if (path / "spoke.py").exists()]
    assert names
    for module in MODULES:
        if module.startswith("hub/") and not module.startswith(("hub/demo/", "hub/cli/")):
            for node in ast.walk(tree(module)):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    imported = ast.unparse(node)
                    assert not any(f"spokes.{name}" in imported for name in names), module
