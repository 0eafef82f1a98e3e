"""What `hub init` writes, and that the repository's own `config/` is just that."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from hub import config, marked, registry
from hub.config import ConnectionFile, HubFile, start

REPOSITORY = Path(__file__).parent.parent.parent
COMMITTED = REPOSITORY / "config"
AGAIN = "run `hub init DIR` for a new folder, and copy what it wrote, but for hub.db, to config/"


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    start.write(tmp_path / "config")
    return tmp_path / "config"


def files(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): file.read_text(encoding="utf-8")
        for file in folder.rglob("*")
        if file.is_file() and not file.name.startswith("hub.db")
    }


def test_the_committed_folder_is_what_hub_init_writes(begun: Path) -> None:
    assert files(COMMITTED) == files(begun), AGAIN


def test_the_committed_folder_has_no_fault() -> None:
    assert not config.load(COMMITTED, environment={}, examples=True).connections


def test_a_new_hub_yaml_names_every_setting_with_its_default(begun: Path) -> None:
    (document,) = marked.read(begun / "hub.yaml")
    assert document.data == HubFile().model_dump(mode="json")


@pytest.mark.parametrize("spoke", registry.names())
def test_a_sample_is_a_faultless_connection_once_its_names_are_set(begun: Path, spoke: str) -> None:
    sample = begun / "connections" / f"{spoke}.yaml.example"
    shutil.copy(sample, sample.with_name(f"{spoke}.yaml"))
    names = dict.fromkeys(
        re.findall(r"\$\{(\w+)\}", sample.read_text(encoding="utf-8")), "a secret"
    )
    assert names, "a sample shows how secrets are named"
    assert list(config.load(begun, environment=names).connections) == [spoke]


def test_the_sample_of_the_hub_itself_is_a_connection_with_its_flows(begun: Path) -> None:
    sample = begun / "connections" / "hub.yaml.example"
    shutil.copy(sample, sample.with_name("hub.yaml"))
    connections = config.load(begun, environment={}, examples=True).connections
    flows = connections["hub"].mappings["case"]
    assert [mapping.to for mapping in flows] == ["incident", "work_order"]


@pytest.mark.parametrize("spoke", [*registry.names(), "hub"])
def test_a_sample_is_nobodys_connection_before_it_is_renamed(begun: Path, spoke: str) -> None:
    assert (begun / "connections" / f"{spoke}.yaml.example").exists()
    assert not config.load(begun, environment={}).connections


def test_the_schemas_describe_every_setting_of_every_spoke(begun: Path) -> None:
    schema = json.loads((begun / "connection.schema.json").read_text())
    assert schema["properties"]["spoke"]["enum"] == [*registry.names(), "hub"]
    assert schema["properties"].keys() == ConnectionFile.model_fields.keys()
    for branch in schema["allOf"]:
        kind = registry.find(branch["if"]["properties"]["spoke"]["const"])
        settings = branch["then"]["properties"]["settings"]
        assert settings["properties"].keys() == kind.model_fields.keys()
        assert settings["additionalProperties"] is False


def test_an_editor_knows_that_a_stream_has_an_interval_or_cron(begun: Path) -> None:
    stream = json.loads((begun / "connection.schema.json").read_text())["$defs"]["StreamSettings"]
    assert stream["properties"].keys() == {"every", "cron", "time_zone"}
    assert stream["not"] == {"required": ["every", "cron"]}
    assert stream["dependentRequired"] == {"time_zone": ["cron"]}
    (cron, _) = stream["properties"]["cron"]["anyOf"]
    assert re.search(cron["pattern"], "30 2 * * *")
    assert not re.search(cron["pattern"], "30 2 * *")


def test_an_editor_accepts_a_name_in_the_place_of_any_setting(begun: Path) -> None:
    schema = json.loads((begun / "connection.schema.json").read_text())
    settings: list[dict[str, Any]] = [
        part
        for branch in schema["allOf"]
        for part in branch["then"]["properties"]["settings"]["properties"].values()
    ]
    assert all({"type": "string", "pattern": r"\$\{"} in part["anyOf"] for part in settings)
