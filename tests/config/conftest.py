"""A hub's folder, written by a test."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hub import config
from hub.config import BadConfig, Config

CRM = """\
spoke: salesforce
settings:
  url: https://acme.my.salesforce.com
  client_id: hub
  client_secret: ${SECRET}
"""
SHOP = """\
spoke: shopify
settings:
  url: https://acme.myshopify.com
  access_token: ${SECRET}
  hook_secret: ${SECRET}
"""


@dataclass
class House:
    """A folder with one connection, `crm`, in which nothing is wrong."""

    folder: Path
    environment: dict[str, str] = field(default_factory=lambda: {"SECRET": "hush-hush"})

    def write(self, name: str, text: str) -> Path:
        """A file of the folder."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def load(self, *, examples: bool = False) -> Config:
        return config.load(self.folder, environment=self.environment, examples=examples)

    def faults(self, *, examples: bool = False) -> list[str]:
        """Every fault, the folder's own path left out."""
        with pytest.raises(BadConfig) as caught:
            self.load(examples=examples)
        return [fault.replace(f"{self.folder}/", "") for fault in caught.value.faults]


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path / "config")
    made.write("connections/crm.yaml", CRM)
    return made
