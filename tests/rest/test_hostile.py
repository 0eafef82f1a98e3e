"""Files that mean harm: none is read, none exhausts us, and none sends a secret elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub import rest
from hub.marked import BadYaml
from hub.rest import BadSpoke
from hub.rest.document import MAX_BYTES
from tests.rest.files import ACME, load

SECRET = "sk_live_51H8x0example"


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/orders", "//evil.example/orders", "http:/evil", "/\\\\evil.example",
        "/a/../../admin", "/a//b", "work_orders", "/a b", "/a#b", "/@evil.example/../..", "",
    ],
)  # fmt: skip
@pytest.mark.parametrize("key", ["path", "fetch", "create"])
def test_every_address_is_a_path_on_the_connections_own_host(key: str, address: str) -> None:
    written = {"path": "path: /work_orders\n", "fetch": "fetch: /work_orders/{id}\n",
               "create": "create: POST /work_orders\n"}[key]  # fmt: skip
    verb = "POST " if key == "create" else ""
    with pytest.raises(BadSpoke, match=rf"streams\.work_orders\.{key}"):
        load(ACME.replace(written, f"{key}: '{verb}{address}'\n", 1))


@pytest.mark.parametrize(
    "address",
    ["https://evil.example/token", "http://login.acme.example/token", "//evil.example/token",
     "https://user:pw@login.acme.example/token", "https://acme.example.evil.example/token",
     "https://[::1", "token"],
)  # fmt: skip
def test_tokens_are_asked_for_only_within_the_hosts(address: str) -> None:
    text = ACME.replace("auth: {bearer: api_key}",
        f"hosts: [.acme.example]\nauth: {{oauth2: {{token_url: '{address}', client_id: api_key, client_secret: api_key}}}}")  # fmt: skip
    with pytest.raises(
        BadSpoke, match=r"^acme/spoke.yaml:5:17: auth\.oauth2\.token_url: (must|leads)"
    ):
        load(text)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{bearer: api_key}", f"{{bearer: {SECRET}}}"),
        ("{bearer: api_key}", f"{{header: {{name: X-Key, secret: {SECRET}}}}}"),
        ("secrets: [hook_secret]", f"secrets: [{SECRET}]"),
        ("api_key: secret,", f"api_key: {{secret: true, default: {SECRET}}},"),
        ("streams:", f"headers: {{Authorization: Bearer {SECRET}}}\nstreams:"),
        ("streams:", f"headers: {{X-Api-Key: {SECRET}}}\nstreams:"),
        ("    records: items", f"    records: items\n    query: {{access_token: {SECRET}}}"),
        ("{bearer: api_key}", f"{{bearer: [{SECRET}]}}"),
    ],
)  # fmt: skip
def test_a_secret_in_clear_text_is_refused_and_not_repeated(before: str, after: str) -> None:
    with pytest.raises(BadSpoke) as caught:
        load(ACME.replace(before, after, 1))
    assert SECRET not in str(caught.value)


def test_aliases_of_aliases_are_bounded() -> None:
    bomb = ["a: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    bomb += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(BadYaml, match=r"acme/spoke.yaml:\d+:\d+: .*aliases"):
        load("\n".join(bomb))


def test_nesting_is_bounded() -> None:
    with pytest.raises(BadYaml, match="nested deeper"):
        load("streams: " + "[" * 500 + "]" * 500)


def test_tags_are_refused() -> None:
    with pytest.raises(BadYaml, match="tag"):
        load(ACME.replace("spoke: acme", "spoke: !!python/object/apply:os.system [id]"))


@pytest.mark.parametrize(
    "text",
    ["", "[]", "7", "null", "a: 1\n---\nb: 2", "? [a]\n: b", "{1: 2}", "\x00", "streams: *none"],
)
def test_what_is_no_spoke_is_said_to_be_none(text: str) -> None:
    with pytest.raises((BadSpoke, BadYaml), match=r"^acme/spoke\.yaml"):
        load(text)


@pytest.mark.parametrize(
    "value", ["null", "7", "true", "[]", "{}", "[[]]", "2026-05-01", "''", "[7]"]
)
def test_any_value_anywhere_is_read_or_refused_and_never_a_bug(value: str) -> None:
    lines = ACME.splitlines()
    for number, line in enumerate(lines):
        key, colon, _ = line.partition(": ")
        if colon:
            changed = [*lines[:number], f"{key}: {value}", *lines[number + 1 :]]
            try:
                load("\n".join(changed))
            except (BadSpoke, BadYaml) as error:
                assert str(error).startswith("acme/spoke.yaml:")  # noqa: PT017 -- it may also pass


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "acme" / "spoke.yaml"
    file.parent.mkdir()
    file.write_text("# " + "x" * MAX_BYTES)
    with pytest.raises(BadSpoke, match=r"acme/spoke\.yaml: is larger than 100,000 bytes"):
        rest.load(file)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadSpoke, match=r"spoke\.yaml: cannot be read: No such file"):
        rest.load(tmp_path / "acme" / "spoke.yaml")
