"""Every command, option and setting is in the guides, with its default."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from typer.main import get_command

from hub.cli.command import app
from hub.config import ConnectionFile, HubFile
from hub.queue import decide
from hub.spoke import Spoke

DOCS = Path(__file__).parent.parent.parent / "docs"
OPERATE = (DOCS / "operate.md").read_text(encoding="utf-8")
CONFIGURATION = (DOCS / "configuration.md").read_text(encoding="utf-8")
EVERYWHERE = {"--config", "--help"}


def commands(group: Any, path: str) -> Iterator[tuple[str, list[str]]]:
    """Every command, and its options in their long form."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{path} {name}")
        else:
            options = [option for part in command.params for option in part.opts]
            yield f"{path} {name}", [one for one in options if one.startswith("--")]


def settings(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting, dotted, with its default."""
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            yield from settings(type(field.default), f"{path}{name}.")
        else:
            yield path + name, field.default


COMMANDS = dict(commands(get_command(app), "hub"))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_is_in_the_guide(command: str) -> None:
    (row,) = re.findall(rf"^\| `{command}(?: [^`|]*)?` \|.*$", OPERATE, re.MULTILINE)
    for option in set(COMMANDS[command]) - EVERYWHERE:
        assert f"`{option}" in row


def test_the_guide_names_no_command_that_does_not_exist() -> None:
    named = re.findall(r"^\| `(hub [a-z ]+?)(?: [A-Z\[].*)?` \|", OPERATE, re.MULTILINE)
    assert sorted(named) == sorted(COMMANDS)


@pytest.mark.parametrize(("name", "default"), list(settings(HubFile)))
def test_every_setting_of_the_hub_is_in_the_guide_with_its_default(name: str, default: Any) -> None:
    assert f"| `{name}` | `{default}` |" in CONFIGURATION


@pytest.mark.parametrize("name", [*ConnectionFile.model_fields, *Spoke.model_fields])
def test_every_setting_of_a_connection_is_in_the_guide(name: str) -> None:
    assert f"| `{name}` |" in CONFIGURATION


def test_the_guide_names_every_reason_of_a_dead_job() -> None:
    source = Path(decide.__file__).read_text(encoding="utf-8")
    for reason in [*re.findall(r'Bury\("(\w+)"\)', source), "poison"]:
        assert f"`{reason}`" in OPERATE
