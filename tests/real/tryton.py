"""trytond, an ERP of others: started here with parties and sales, and spoken to as its administrator."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from tests.real import tools

Json = dict[str, Any]

DATABASE, HUB, PASSWORD = "shop", "hub", "a-password-of-this-test"
MADE_WITHIN = 300.0
CONFIG = """
[database]
uri = sqlite://
path = {folder}
[web]
listen = 127.0.0.1:{port}
"""


@dataclass
class Tryton:
    """What an administrator does there; `company` and `currency` are those of its sales."""

    url: str
    http: httpx.Client
    log: Path
    company: int = 0
    currency: int = 0

    def call(self, method: str, *arguments: Any, context: Json | None = None) -> Any:
        asked = {"id": 1, "method": f"model.{method}", "params": [*arguments, context or {}]}
        answer = self.http.post(f"/{DATABASE}/", json=asked).json()
        assert "result" in answer, f"{method}: {answer}\n{self.log.read_text()[-2000:]}"
        return answer["result"]

    def party(self, name: str, **more: Any) -> int:
        (id,) = self.call("party.party.create", [{"name": name, **more}])
        return int(id)

    def sale(self, party: int, *lines: Json) -> int:
        values = {
            "company": self.company,
            "currency": self.currency,
            "party": party,
            "lines": [["create", list(lines)]],
        }
        (id,) = self.call("sale.sale.create", [values], context={"company": self.company})
        return int(id)

    def party_now(self, id: int, *fields: str) -> Json:
        (found,) = self.call(
            "party.party.search_read", [["id", "=", id]], 0, 1, None, list(fields),
            context={"active_test": False},
        )  # fmt: skip
        return dict(found)

    def user(self, login: str, *groups: str) -> None:
        """A user with the password of this test."""
        ids = self.call("res.group.search", [["name", "in", list(groups)]], 0, None, None)
        values = {"login": login, "name": login, "password": PASSWORD, "groups": [["add", ids]]}
        self.call("res.user.create", [values | self._at_work()])

    def begin(self) -> None:
        """A currency, a company that sells in it, and the hub's own user."""
        rate = {"rate": {"__class__": "Decimal", "decimal": "1"}}
        euro = {"name": "Euro", "symbol": "€", "code": "EUR", "rates": [["create", [rate]]]}
        (self.currency,) = self.call("currency.currency.create", [euro])
        seller = {"party": self.party("The seller"), "currency": self.currency}
        (self.company,) = self.call("company.company.create", [seller])
        self.call("res.user.write", [1], self._at_work())
        self.user(HUB, "Sales", "Party Administration")

    def _at_work(self) -> Json:
        return {"companies": [["add", [self.company]]], "company": self.company}


@contextmanager
def started(folder: Path) -> Iterator[Tryton]:
    """Serve one new database on loopback."""
    port = tools.free_port()
    config = folder / "trytond.conf"
    config.write_text(CONFIG.format(folder=folder, port=port))
    bins = tools.environment("tryton")
    shutil.copy(_template(bins), folder / f"{DATABASE}.sqlite")
    log, url = folder / "trytond.log", f"http://127.0.0.1:{port}"
    with log.open("w") as written:
        process = subprocess.Popen(
            [str(bins / "trytond"), "-c", str(config)], stdout=written, stderr=subprocess.STDOUT
        )
    try:
        with httpx.Client(base_url=url, auth=("admin", PASSWORD), timeout=60) as http:
            tools.until_it_answers(http, "/")
            there = Tryton(url, http, log)
            there.begin()
            yield there
    finally:
        process.terminate()
        process.wait(30)


def _template(bins: Path) -> Path:
    """An empty database with the modules, beside the environment: it takes 20 s to make."""
    made = bins.parent / "template.sqlite"
    if made.exists():
        return made
    folder = bins.parent / f"making-{uuid4().hex}"
    folder.mkdir()
    config, secret = folder / "trytond.conf", folder / "password"
    config.write_text(CONFIG.format(folder=folder, port=0))
    secret.write_text(PASSWORD)
    (folder / f"{DATABASE}.sqlite").touch()
    done = subprocess.run(
        [
            *(str(bins / "trytond-admin"), "-c", str(config), "-d", DATABASE, "-u", "sale"),
            *("--activate-dependencies", "--email", "admin@shop.example", "-p"),
        ],
        env={**os.environ, "TRYTONPASSFILE": str(secret)},
        capture_output=True, text=True, check=False, timeout=MADE_WITHIN,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder / f"{DATABASE}.sqlite").replace(made)
    shutil.rmtree(folder)
    return made
