"""One connection as its requests see it: the client, the fixed headers, what fills addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.http import Client, Response
from hub.rest.paths import address, filled
from hub.rest.words import Call


@dataclass(frozen=True, slots=True)
class Account:
    """`settings` are those that may stand in addresses: no secrets."""

    http: Client
    headers: Mapping[str, str]
    settings: Mapping[str, str]

    def path(self, template: str, **values: str) -> str:
        return address(template, {**self.settings, **values})

    def get(
        self, path: str, params: Mapping[str, str] | None = None, *, check: bool = True
    ) -> Response:
        return self.http.get(path, params=params, headers=self.headers, check=check)

    def send(self, call: Call, path: str, body: Any, headers: Mapping[str, str]) -> Response:
        return self.http.request(call.method, path, json=body, headers={**self.headers, **headers})

    def parameter(self, value: str | int | bool) -> str:  # noqa: FBT001 -- a value of YAML
        """A parameter's value, with settings filled in."""
        if isinstance(value, bool):
            return "true" if value else "false"
        return filled(value, self.settings) if isinstance(value, str) else str(value)
