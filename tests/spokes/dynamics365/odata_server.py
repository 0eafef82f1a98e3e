"""A real OData v4 server: SAP's CAP (`@sap/cds` 9) in a process of its own, with one table.

It needs Node.js, and a folder with `npm install @sap/cds@9 @cap-js/sqlite@2 express@4`: the
environment variable HUB_CDS_HOME names it, unless `cds-serve` is on the PATH.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DEADLINE = 60.0  # seconds; it starts in about two
_LISTENING = re.compile(r"server listening on \{ url: 'http://localhost:(\d+)' \}")
_PACKAGE = """{
  "name": "field", "private": true,
  "cds": {"requires": {
    "auth": {"kind": "dummy"},
    "db": {"impl": "@cap-js/sqlite", "credentials": {"url": ":memory:"}}
  }}
}"""
_MODEL = """
@path: '/api/data/v9.2'
service Field {
  @cds.query.limit: 3
  entity accounts {
    key accountid: UUID;
    name: String(160);
    telephone1: String(50);
    description: String(2000);
    @odata.etag @cds.on.insert: $now @cds.on.update: $now
    modifiedon: Timestamp;
  }
}
"""


def home() -> Path | None:
    """The folder with CAP's packages; None where there is none, or no Node.js."""
    if shutil.which("node") is None:
        return None
    if named := os.environ.get("HUB_CDS_HOME"):
        return Path(named)
    found = shutil.which("cds-serve")
    return Path(found).resolve().parents[3] if found else None


@contextmanager
def served(folder: Path, packages: Path) -> Iterator[str]:
    """Serve from this empty folder while the context lasts; the address."""
    (folder / "node_modules").symlink_to(packages / "node_modules")
    (folder / "package.json").write_text(_PACKAGE)
    (folder / "srv").mkdir()
    (folder / "srv" / "field.cds").write_text(_MODEL)
    command = ["node", "node_modules/@sap/cds/bin/serve.js", "all", "--port", "0"]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        overdue = threading.Timer(DEADLINE, process.kill)
        overdue.start()
        try:
            yield f"http://127.0.0.1:{_port(process)}"
        finally:
            overdue.cancel()
            process.kill()


def _port(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if found := _LISTENING.search(line):
            threading.Thread(target=process.stdout.read, daemon=True).start()  # else it would block
            return found[1]
    raise AssertionError(f"the OData server did not start:\n{''.join(said)}")
