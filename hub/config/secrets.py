"""Put environment variables and files in the place of `${NAME}` and `${file:path}`.

Secrets never stand in a configuration file, so the files can be shared and kept in git.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hub.config.faults import Where

REFERENCE = re.compile(r"\$(?:\$|\{([^{}]*)\})")
LARGEST_FILE = 65_536

Complain = Callable[[Where, str], None]


def resolve(
    value: Any,
    *,
    environment: Mapping[str, str],
    folder: Path,
    complain: Complain,
    path: Where = (),
) -> Any:
    """The same data with all references replaced; `$$` is a dollar sign.

    A relative `${file:...}` is beside the configuration file. What cannot be resolved is told to
    `complain` with its path in the data, and all else goes on.
    """
    match value:
        case dict():
            return {
                key: resolve(
                    part, environment=environment, folder=folder, complain=complain,
                    path=(*path, key),
                )
                for key, part in value.items()
            }  # fmt: skip
        case list():
            return [
                resolve(
                    part, environment=environment, folder=folder, complain=complain,
                    path=(*path, i),
                )
                for i, part in enumerate(value)
            ]  # fmt: skip
        case str():
            return REFERENCE.sub(
                lambda match: _meaning(match[1], environment, folder, complain, path), value
            )
        case _:
            return value


def _meaning(
    name: str | None, environment: Mapping[str, str], folder: Path, complain: Complain,
    path: Where,
) -> str:  # fmt: skip
    if name is None:
        return "$"
    if name.startswith("file:"):
        return _read(folder / name.removeprefix("file:"), complain, path)
    if name not in environment:
        complain(path, f"environment variable {name!r} is not set; export it, or use ${{file:...}}")
        return ""
    return environment[name]


def _read(file: Path, complain: Complain, path: Where) -> str:
    """A secret from a file, without the line feed that editors leave at its end."""
    try:
        with file.open(encoding="utf-8") as opened:
            text = opened.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not a file of UTF-8 text"
        complain(path, f"file {str(file)!r}: {reason}")
        return ""
    if len(text) > LARGEST_FILE:
        complain(path, f"file {str(file)!r}: larger than {LARGEST_FILE} characters")
        return ""
    return text.rstrip("\r\n")
