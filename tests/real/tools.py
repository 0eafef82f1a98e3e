"""Programs that nobody here wrote, each in an environment of its own that pip makes once.

What is in it stands in `tests/real/<tool>.txt`, locked with hashes; the environments stand in
`build/tools`, or where HUB_TOOLS says. `HUB_TOOL_<NAME>` names one that is there already.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

HERE = Path(__file__).parent
TOOLS = Path(os.environ.get("HUB_TOOLS") or HERE.parent.parent / "build" / "tools")
PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r")
PATIENCE = 600.0  # seconds for pip
STARTS_WITHIN = 60.0  # seconds for a server, on a busy machine


def environment(tool: str) -> Path:
    """The `bin` folder of a tool's environment, made on first use; one test process at a time.

    Where pip cannot install it the test is skipped and says why; on CI it fails.
    """
    given = os.environ.get(f"HUB_TOOL_{tool.upper().replace('-', '_')}")
    if given:
        return Path(given) / "bin"
    locked = HERE / f"{tool}.txt"
    stamp = hashlib.sha256(locked.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = TOOLS / f"{tool}-{stamp}"
    with _alone(tool):
        if not (folder / "ready").exists():
            _make(tool, folder, locked)
    return folder / "bin"


def _make(tool: str, folder: Path, locked: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for command in (
        (sys.executable, "-m", "venv", str(folder)),
        (str(folder / "bin" / "python"), *PIP, str(locked)),
    ):
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        if done.returncode:
            _missing(f"{tool} could not be installed: {done.stderr.strip()[-500:]}")
    (folder / "ready").touch()


def _missing(why: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


@contextmanager
def _alone(tool: str) -> Iterator[None]:
    TOOLS.mkdir(parents=True, exist_ok=True)
    with (TOOLS / f"{tool}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def free_port() -> int:
    """A port of loopback that nobody has at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


@retry(
    retry=retry_if_exception_type(httpx.TransportError),
    wait=wait_fixed(0.1),
    stop=stop_after_delay(STARTS_WITHIN),
)
def until_it_answers(http: httpx.Client, path: str) -> None:
    """Wait for a server that has just been started."""
    http.get(path)
