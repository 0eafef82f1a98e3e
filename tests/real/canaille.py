"""canaille, an identity server of others: started here, it pushes users and groups, and serves them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.real import tools

Json = dict[str, Any]

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
# It pushes what it keeps of a password: in plain text, a test can look for it.
CONFIG = """
SECRET_KEY = "a-key-of-this-test"
SERVER_NAME = "127.0.0.1:{port}"
PREFERRED_URL_SCHEME = "http"
DATABASE = "sql"
[CANAILLE_SQL]
DATABASE_URI = "sqlite:///{folder}/canaille.db"
PASSWORD_SCHEMES = "plaintext"
[CANAILLE_OIDC]
TRUSTED_DOMAINS = ["127.0.0.1"]
[CANAILLE_SCIM]
ENABLE_SERVER = true
ENABLE_CLIENT = true
"""


@dataclass
class Canaille:
    """What an administrator does there; `url` is its own SCIM service, `log` what it has said."""

    url: str
    http: httpx.Client
    log: Path

    def user(self, name: str, **more: Any) -> Json:
        said = {
            "schemas": [USER, ENTERPRISE],
            "userName": name,
            "name": {"formatted": f"{name} Doe", "familyName": "Doe", "givenName": name},
            "emails": [{"value": f"{name}@doe.example"}],
            "active": True,
            ENTERPRISE: {},
            **more,
        }
        return self._done(self.http.post("/Users", json=said))

    def change(self, path: str, **more: Any) -> Json:
        now = self._done(self.http.get(path))
        kept = {key: value for key, value in now.items() if key not in {"id", "meta", "groups"}}
        return self._done(self.http.put(path, json={**kept, **more}))

    def group(self, name: str, *members: str) -> Json:
        listed = [{"value": one, "$ref": f"{self.url}/Users/{one}"} for one in members]
        said = {"schemas": [GROUP], "displayName": name, "members": listed}
        return self._done(self.http.post("/Groups", json=said))

    def delete(self, path: str) -> None:
        assert self.http.delete(path).status_code == 204, self.log.read_text()

    def _done(self, answer: httpx.Response) -> Json:
        assert answer.is_success, f"{answer.text}\n{self.log.read_text()}"
        found: Json = answer.json()
        return found


@contextmanager
def started(folder: Path, *, pushes_to: str, token: str) -> Iterator[Canaille]:
    """Serve on loopback. It pushes to `pushes_to` with `token`, which opens its own API as well."""
    bins, port = tools.environment("canaille"), tools.free_port()
    config = folder / "canaille.toml"
    config.write_text(CONFIG.format(port=port, folder=folder))
    environment = {**os.environ, "CANAILLE_CONFIG": str(config)}

    def run(*words: str) -> None:
        command = [str(bins / "canaille"), *words]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr

    run("db", "upgrade")
    run("create", "client", "--client-id", "hub", "--client-name", "hub", "--client-uri", pushes_to)
    run(
        "create", "token", "--token-id", "t", "--access-token", token, "--client", "hub",
        "--type", "access_token", "--lifetime", "1000000000", "--scope", "openid",
        "--issue-date", "2020-01-01T00:00:00+00:00",
    )  # fmt: skip
    log, url = folder / "canaille.log", f"http://127.0.0.1:{port}/scim/v2"
    with log.open("w") as written:
        process = subprocess.Popen(
            [str(bins / "canaille"), "run", "--bind", f"127.0.0.1:{port}"],
            env=environment, stdout=written, stderr=subprocess.STDOUT,
        )  # fmt: skip
    headers = {"Authorization": f"Bearer {token}"}
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=60) as http:
            tools.until_it_answers(http, "/ServiceProviderConfig")
            yield Canaille(url, http, log)
    finally:
        process.terminate()
        process.wait(30)
