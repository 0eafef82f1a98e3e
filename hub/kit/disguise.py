"""Settings of an account that does not exist, in place of those of a real one."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr, ValidationError

from hub.spoke import JsonObject, Spoke

IDENTITY = re.compile(
    r"client|tenant|account|user|shop|org|domain|company|host|mail|(^|_)(id|key)$", re.IGNORECASE
)
"""Settings that are no secret and still tell whose account it is."""


class NoDisguise(Exception):
    """The spoke takes no settings but the real ones."""


def anonymous(spoke: Spoke) -> tuple[JsonObject, dict[str, str]]:
    """The settings of an account that does not exist, and what they replace."""
    told: JsonObject = {}
    secrets: dict[str, str] = {}
    host = urlsplit(spoke.url).netloc
    for name, value in spoke.model_dump(exclude_defaults=True).items():
        if name in {"sandbox", "ca_file"}:
            continue
        if isinstance(value, SecretStr):
            told[name] = secrets[value.get_secret_value()] = _secret(name, value)
        elif name == "url":
            told[name] = _address(spoke)
        elif isinstance(value, str) and len(value) > 2 and IDENTITY.search(name):  # noqa: PLR2004
            told[name] = secrets[value] = re.sub(r"\d", "1", re.sub(r"[a-z]", "a", value.lower()))
        else:
            told[name] = value
    new = urlsplit(told["url"])
    secrets[host] = new.netloc
    secrets[f"{urlsplit(spoke.url).scheme}://{host}"] = f"{new.scheme}://{new.netloc}"
    return _valid(type(spoke), told), secrets


def _valid(kind: type[Spoke], told: JsonObject) -> JsonObject:
    """The settings, without those that may be left out if they do not fit the others."""
    needed = {
        name: value
        for name, value in told.items()
        if name in kind.model_fields and kind.model_fields[name].is_required()
    }
    wrong = ""
    for some in (told, needed):
        try:
            kind.model_validate(some)
        except ValidationError as error:
            wrong = ", ".join(str(fault["loc"][0]) for fault in error.errors() if fault["loc"])
        else:
            return some
    raise NoDisguise(f"no harmless value is found for the settings: {wrong or 'as a whole'}")


def _secret(name: str, value: SecretStr) -> str:
    if "PRIVATE KEY-----" not in value.get_secret_value():
        return f"example-{name.replace('_', '-')}-1"
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(*form, serialization.NoEncryption()).decode()


def _address(spoke: Spoke) -> str:
    """Somebody else's address, of the kind that the spoke allows."""
    parts = urlsplit(spoke.url)
    suffix = spoke.hosts[0].lstrip("*") if spoke.hosts else "vendor.example"
    host = f"example{suffix}" if suffix.startswith(".") else suffix
    return f"https://{host}{parts.path}"
