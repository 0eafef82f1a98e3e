"""What no reviewer should have to look for: layers, sizes, first sentences."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

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
def written(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(written(module))


def listed(rule: str, offenders: list[str]) -> str:
    """What a test says of all who break a rule, and not of the first alone."""
    return "\n  ".join([f"{rule}:", *offenders])


def test_the_layers_hold() -> None:
    found = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout + found.stderr


def test_a_module_is_short_enough_to_be_one_idea() -> None:
    lines = {module: len(written(module).splitlines()) for module in MODULES}
    long = [f"{module} has {many} lines" for module, many in lines.items() if many > LONGEST]
    assert not long, listed(f"past {LONGEST} lines a module is two ideas", long)


def test_a_module_opens_with_what_it_is() -> None:
    unsaid = []
    for module in MODULES:
        first = (ast.get_docstring(tree(module)) or "").partition("\n\n")[0].strip()
        title = "migrations/versions" in module  # what `hub migrate` shows of a step
        if not first or (first[-1] not in ".:?" and not title):
            unsaid.append(f"{module}: {first!r}")
    assert not unsaid, listed("a module opens with a sentence, which ends", unsaid)


def test_a_module_has_a_name_of_its_own() -> None:
    homeless = [one for one in MODULES if HOMELESS & {*Path(one).parts, Path(one).stem}]
    assert not homeless, listed("a name that says nothing", homeless)


def test_nothing_is_left_for_later() -> None:
    later = ("NotImplementedError", "TODO", "FIXME", "XXX")
    left = [f"{one}: {word}" for one in MODULES for word in later if word in written(one)]
    assert not left, listed("left for later", left)


INDEX = "index{}url".format("-")  # in two parts, for this file is looked at as well


def test_no_file_knows_whose_machine_it_was_written_on() -> None:
    machine = (*(f"/{top}/" for top in ("work", "home", "Users")), INDEX)
    named = [f"{file} names {one}" for file in SHIPPED for one in machine if one in written(file)]
    assert not named, listed("a file knows a machine", named)


def test_the_hub_names_no_spoke() -> None:
    names = [path.name for path in (ROOT / "spokes").iterdir() if (path / "spoke.py").exists()]
    assert names
    for module in MODULES:
        if module.startswith("hub/") and not module.startswith(("hub/demo/", "hub/cli/")):
            for node in ast.walk(tree(module)):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    imported = ast.unparse(node)
                    assert not any(f"spokes.{name}" in imported for name in names), module
