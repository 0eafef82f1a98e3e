"""Where we may connect: which addresses a setting or an answer may name, and which is ours."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import NamedTuple, Self

import httpx

_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """What two URLs must share before a token for one is sent to the other (RFC 6454)."""

    scheme: str
    host: str
    port: int | None

    @classmethod
    def of(cls, url: httpx.URL) -> Self:
        host = url.raw_host.decode("ascii").lower()
        return cls(url.scheme, host, url.port or _PORTS.get(url.scheme))


def shown(url: httpx.URL | str) -> str:
    """A URL fit for a message: no user, no password, no query, no fragment."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return "(not a URL)"
    if not parsed.host:
        return parsed.path[:200]
    bare = parsed.copy_with(username=None, password=None, query=None, fragment=None)
    return str(bare)[:200]


def check_address(url: str, *, hosts: Sequence[str] = (), loopback: bool = False) -> None:
    """Raise `ValueError` unless credentials may be sent to this address.

    https only, no user or password in it; the host is, or ends with, one of `hosts` when there
    are any (`salesforce.com` and `*.salesforce.com` mean the same), then on port 443. With
    `loopback` the address must be on this machine, and may be plain http.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):  # the text may quote what is taken for a port
        raise ValueError("not a URL: it should look like https://example.com") from None
    name = shown(parsed)
    if parsed.scheme not in _PORTS or not parsed.host:
        raise ValueError(f"{name}: a full address is needed, like https://example.com")
    if parsed.userinfo or parsed.fragment:
        raise ValueError(f"{name}: leave out the user, password and fragment")
    if loopback:
        _check_loopback(name, parsed)
    else:
        _check_public(name, parsed, hosts)


def _check_loopback(name: str, url: httpx.URL) -> None:
    if url.host not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError(
            f"{name}: a sandbox is on this machine: localhost, 127.0.0.1 or [::1]; "
            "leave out `sandbox: true` to reach a real system"
        )


def _check_public(name: str, url: httpx.URL, hosts: Sequence[str]) -> None:
    if url.scheme != "https":
        raise ValueError(f"{name}: only https is allowed, except for a sandbox on this machine")
    host = Origin.of(url).host.removesuffix(".")
    if "" in host.split("."):
        raise ValueError(f"{name}: {host!r} is no host name: it has an empty part")
    if _is_private(host):
        raise ValueError(
            f"{name}: a private or loopback address; set `sandbox: true` for a sandbox"
        )
    if not hosts:
        return
    suffixes = [suffix.removeprefix("*").removeprefix(".").lower() for suffix in hosts]
    if not any(host == suffix or host.endswith("." + suffix) for suffix in suffixes):
        raise ValueError(f"{name}: the host must be one of {', '.join(f'*.{s}' for s in suffixes)}")
    if url.port not in (None, 443):
        raise ValueError(f"{name}: port {url.port} is not allowed, only 443")


def _is_private(host: str) -> bool:
    """Whether the host is this machine, or a literal address that is not a public one.

    A last label of digits makes resolvers read the host as IPv4 in one of its odd spellings
    (`2130706433`, `0x7f.1`; https://url.spec.whatwg.org/#ends-in-a-number-checker).
    """
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return re.fullmatch(r"[0-9]+|0x[0-9a-f]*", host.rpartition(".")[2]) is not None
    mapped = getattr(address, "ipv4_mapped", None) or address
    return not mapped.is_global or mapped.is_multicast
