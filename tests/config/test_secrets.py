"""How `${NAME}` and `${file:path}` are replaced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub.config.faults import Where
from hub.config.secrets import LARGEST_FILE, resolve


def resolved(value: Any, folder: Path = Path(), **environment: str) -> tuple[Any, list[Any]]:
    """The value, and the complaints as (path, text)."""
    complaints: list[tuple[Where, str]] = []
    made = resolve(
        value, environment=environment, folder=folder,
        complain=lambda where, what: complaints.append((where, what)),
    )  # fmt: skip
    return made, complaints


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("${A}", "one"),
        ("https://${A}.example/${B}", "https://one.example/two"),
        ({"x": ["${A}", {"y": "${B}"}]}, {"x": ["one", {"y": "two"}]}),
        ("a $$ and $${A}", "a $ and ${A}"),
        ("costs 5$ or $5", "costs 5$ or $5"),
        (5, 5),
        (None, None),
        ("${C}", "${A}"),  # what stands in a variable is not read again
    ],
)
def test_a_reference_is_replaced_wherever_it_stands(written: Any, meant: Any) -> None:
    assert resolved(written, A="one", B="two", C="${A}") == (meant, [])


def test_a_file_is_read_without_its_last_line_feed(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("line 1\nline 2\r\n")
    assert resolved("${file:key}", tmp_path) == ("line 1\nline 2", [])
    assert resolved(f"${{file:{tmp_path}/key}}") == ("line 1\nline 2", [])


def test_every_complaint_has_its_path() -> None:
    _, complaints = resolved({"x": ["${A}", {"y": "${B}"}], "z": "${}"})
    assert [where for where, _ in complaints] == [("x", 0), ("x", 1, "y"), ("z",)]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("none", "No such file"),
        ("folder", "Is a directory"),
        ("binary", "is not a file of UTF-8 text"),
        ("huge", "larger than"),
        ("nul\0", "is not a file of UTF-8 text"),
    ],
)
def test_a_file_that_cannot_be_a_secret_is_named(tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "huge").write_text("x" * (LARGEST_FILE + 1))
    _, [(where, what)] = resolved({"key": f"${{file:{name}}}"}, tmp_path)
    assert where == ("key",)
    assert told in what
    assert str(tmp_path) in what
