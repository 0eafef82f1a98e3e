"""Access tokens, and where they are kept between runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import SecretStr

RENEW_AT = 0.75  # of a token's life


@dataclass(frozen=True, slots=True)
class Token:
    """What a token endpoint gave us. `expires_at` is None when nobody knows (Salesforce).

    `instance_url` is where the token is good for, if the answer said so, already checked. `grant`
    is a digest of the settings it was got with: after they change it is not used any more.
    """

    access: SecretStr
    issued_at: datetime
    expires_at: datetime | None = None
    refresh: SecretStr | None = None
    instance_url: str = ""
    grant: str = ""

    def reveal(self) -> dict[str, str | None]:
        """The token as JSON with its secrets in clear: for storing, never for showing."""
        return {
            "access": self.access.get_secret_value(),
            "issued_at": self.issued_at.isoformat(),
            "expires_at": None if self.expires_at is None else self.expires_at.isoformat(),
            "refresh": None if self.refresh is None else self.refresh.get_secret_value(),
            "instance_url": self.instance_url,
            "grant": self.grant,
        }

    @classmethod
    def revealed(cls, kept: Mapping[str, str | None]) -> Token:
        """The token that `reveal` gave."""
        expires, refresh = kept["expires_at"], kept["refresh"]
        return cls(
            access=SecretStr(kept["access"] or ""),
            issued_at=datetime.fromisoformat(kept["issued_at"] or ""),
            expires_at=None if expires is None else datetime.fromisoformat(expires),
            refresh=None if refresh is None else SecretStr(refresh),
            instance_url=kept["instance_url"] or "",
            grant=kept["grant"] or "",
        )

    def due(self, now: datetime) -> bool:
        """Whether it is time for a new one."""
        if self.expires_at is None:
            return False
        return now >= self.issued_at + RENEW_AT * (self.expires_at - self.issued_at)

    def expired(self, now: datetime) -> bool:
        return self.expires_at is not None and now >= self.expires_at

    def same_as(self, other: Token | None) -> bool:
        return other is not None and self.access == other.access


class Tokens(Protocol):
    """Keeps one connection's token. Shared by every process that uses the connection."""

    def load(self) -> Token | None:
        """The token stored last, or None."""

    def save(self, token: Token) -> None:
        """Store durably; a token is not used before this returned."""


class MemoryTokens:
    """Keeps the token as long as the process runs."""

    def __init__(self, token: Token | None = None) -> None:
        self._token = token

    def load(self) -> Token | None:
        return self._token

    def save(self, token: Token) -> None:
        self._token = token
