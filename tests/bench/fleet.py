"""Several processes that begin to work at the same moment: `python -m tests.bench.fleet`.

parent                     each of the others
  start, options ────────▶ prepare, print "ready" and perhaps a word, wait
  all ready: "go" ───────▶ work
  all done  ◀───────────── print the figures as JSON, and end
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
Figures = dict[str, Any]
Begin = Callable[..., None]
"""Called by a member once it is prepared, perhaps with a word for the parent; waits for "go"."""


class Fleet:
    """Processes that are ready to begin."""

    def __init__(self, members: Sequence[subprocess.Popen[str]], words: Sequence[str]) -> None:
        self._members = members
        self.words = words

    def work(self) -> list[Figures]:
        """Let them begin; what each of them has to say when it is done."""
        self.go()
        return self.done()

    def go(self) -> None:
        for member in self._members:
            _tell(member, "go")

    def done(self) -> list[Figures]:
        """Wait until all are done. Raises `ChildProcessError` if one failed."""
        return [json.loads(_line(member)) for member in self._members]


@contextmanager
def ready(run: str, options: Mapping[str, Any], size: int) -> Iterator[Fleet]:
    """Start that many processes, each of which runs `module:function`, up to where they begin."""
    command = [sys.executable, "-m", "tests.bench.fleet", run]
    with ExitStack() as stack:
        members = [
            stack.enter_context(
                subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
                )
            )
            for _ in range(size)
        ]
        for member in members:
            stack.callback(member.kill)
            _tell(member, json.dumps(dict(options)))
        yield Fleet(members, [_line(member).partition(" ")[2].strip() for member in members])


def _tell(member: subprocess.Popen[str], line: str) -> None:
    assert member.stdin is not None
    member.stdin.write(f"{line}\n")
    member.stdin.flush()


def _line(member: subprocess.Popen[str]) -> str:
    assert member.stdout is not None
    line = member.stdout.readline()
    if not line:
        raise ChildProcessError(f"{member.args!r} ended with {member.wait()}; its words are above")
    return line


def member(run: str) -> None:
    """Be one of them: `module:function` is called with the options, and with `begin`.

    It calls `begin` once it is prepared, works, and returns its figures.
    """
    gc.set_threshold(50_000, 20, 100)  # as the hub's own processes do, and for peers too
    module, _, function = run.partition(":")
    work: Callable[[dict[str, Any], Begin], Figures]
    work = getattr(importlib.import_module(module), function)
    print(json.dumps(work(json.loads(sys.stdin.readline()), _begin)), flush=True)


def _begin(word: str = "") -> None:
    print("ready", word, flush=True)
    if not sys.stdin.readline():
        os._exit(1)  # the parent is gone


if __name__ == "__main__":
    importlib.import_module("tests.bench.fleet").member(sys.argv[1])
    os._exit(0)  # threads of peers that do not end are no part of what was measured
