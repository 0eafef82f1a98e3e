"""The files that a hub's folder begins with: settings, samples of connections, editors' schemas."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

from hub import registry
from hub.config.files import schemas
from hub.sync import ours

HUB_YAML = """\
# yaml-language-server: $schema=hub.schema.json
# What is true of the whole hub. Every key may be left out: these are the defaults.

database: sqlite:///hub.db  # beside this file; or postgresql://hub:${{PASSWORD}}@host:5432/hub
threads: 4  # jobs that one process does at a time

listen:
  host: {host}  # 0.0.0.0 for all addresses of this machine
  port: 8080

hooks:
  max_body: 1048576  # bytes of a webhook
  public_url: ""  # https://hub.example.com: where other systems are asked to send webhooks

attachments:
  folder: attachments  # beside this file: the content of files
  max_size: 26214400  # bytes of a file
  allowed: []  # [image/*, application/pdf]; all if empty
  blocked: [application/x-msdownload, application/x-dosexec, application/x-sh]

log:
  level: info  # debug, info, warning, error
  format: console  # json for programs
"""
GITIGNORE = "attachments/\n*.db\n*.db-wal\n*.db-shm\n"
FLOWS = """\
# Flows between the hub's own records: a case opens an incident, or a work order, and hears of it.
# A sample: copy it to config/connections/hub.yaml. Every mappings/hub/<entity>_to_<entity>.yaml is a
# flow; one of that name in config/mappings/hub/ replaces it, or is laid over it (docs/mapping.md).
spoke: hub

streams:
  case: {every: 5m}  # changes are read at once; this finds what was there before. false: no flows
"""
SCHEMA = "# yaml-language-server: $schema=../connection.schema.json\n"


def write(folder: Path, *, host: str = "127.0.0.1") -> None:
    """Everything, into a folder that is made if need be. The samples are inactive."""
    (folder / "connections").mkdir(parents=True, exist_ok=True)
    (folder / "hub.yaml").write_text(HUB_YAML.format(host=host), encoding="utf-8")
    (folder / ".gitignore").write_text(GITIGNORE, encoding="utf-8")
    for name, text in samples().items():
        sample = folder / "connections" / f"{name}.yaml.example"
        sample.write_text(SCHEMA + text, encoding="utf-8")
    write_schemas(folder)


def write_schemas(folder: Path) -> None:
    """The JSON Schemas that editors check the files with."""
    for name, schema in schemas().items():
        (folder / name).write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")


def samples() -> dict[str, str]:
    """By spoke, the `connection.yaml` that lies beside its module; and that of our own store."""
    beside = {
        name: Path(inspect.getfile(registry.find(name))).with_name("connection.yaml")
        for name in registry.names()
    }
    found = {
        name: file.read_text(encoding="utf-8") for name, file in beside.items() if file.exists()
    }
    return found | {ours.NAME: FLOWS}
