"""Settings and answers cannot choose to whom credentials are sent."""

from __future__ import annotations

import httpx
import pytest

from hub.http.safe import Origin, check_address, shown

VENDOR = ("*.salesforce.com", ".force.com", "example.org")


@pytest.mark.parametrize(
    "url",
    [
        "https://acme.my.salesforce.com",
        "https://ACME.My.Salesforce.COM/services",
        "https://acme.my.salesforce.com.",
        "https://acme.my.salesforce.com:443/",
        "https://a.force.com",
        "https://example.org/x?y=z",
    ],
)
def test_an_address_of_the_vendor_is_allowed(url: str) -> None:
    check_address(url, hosts=VENDOR, loopback=False)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://acme.my.salesforce.com", "only https"),
        ("https://evilsalesforce.com", "must be one of"),
        ("https://salesforce.com.evil.com", "must be one of"),
        ("https://evil.com/salesforce.com", "must be one of"),
        ("https://evil.com?.salesforce.com", "must be one of"),
        ("https://evil.com#.salesforce.com", "leave out the user"),
        ("https://acme.salesforce.com@evil.com", "leave out the user"),
        ("https://user:hunter2@acme.salesforce.com", "leave out the user"),
        ("https://acme.salesforce.com:8443", "port 8443 is not allowed"),
        ("https://.salesforce.com", "empty part"),
        ("https://a..salesforce.com", "empty part"),
        ("https://127.0.0.1", "private or loopback"),
        ("https://localhost", "private or loopback"),
        ("ftp://acme.salesforce.com", "a full address is needed"),
        ("acme.salesforce.com", "a full address is needed"),
        ("//acme.salesforce.com", "a full address is needed"),
        ("https://", "a full address is needed"),
        ("", "a full address is needed"),
        ("https://user:s3cr3t", "not a URL"),
        ("https://acme.salesforce.com\n.evil.com", "not a URL"),
    ],
)
def test_any_other_address_is_refused_and_says_why(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        check_address(url, hosts=VENDOR, loopback=False)
    assert "hunter2" not in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    "host",
    [
        "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "0.0.0.0",  # noqa: S104 -- refused, not bound
        "224.0.0.1", "[::1]", "[::]", "[fd00::1]", "[fe80::1]", "[::ffff:10.0.0.1]",
        "2130706433", "0x7f000001", "127.1", "0x7f.1", "localhost", "x.localhost",
    ],
)  # fmt: skip
def test_without_a_list_of_hosts_only_public_addresses_are_allowed(host: str) -> None:
    with pytest.raises(ValueError, match="private or loopback"):
        check_address(f"https://{host}/", hosts=(), loopback=False)


@pytest.mark.parametrize("url", ["https://shop.example.com:8443/wp-json", "https://8.8.8.8"])
def test_without_a_list_of_hosts_any_public_one_is_allowed(url: str) -> None:
    check_address(url, hosts=(), loopback=False)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8001", "http://localhost", "https://[::1]:9/x", "https://127.0.0.1"]
)
def test_a_sandbox_is_on_this_machine(url: str) -> None:
    check_address(url, hosts=VENDOR, loopback=True)


@pytest.mark.parametrize(
    "url", ["https://acme.salesforce.com", "http://127.0.0.1.evil.com", "http://10.0.0.1"]
)
def test_a_sandbox_is_nowhere_else(url: str) -> None:
    with pytest.raises(ValueError, match="a sandbox is on this machine"):
        check_address(url, hosts=VENDOR, loopback=True)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("https://a.example/x", "https://A.example:443/y?z", True),
        ("http://a.example", "http://a.example:80", True),
        ("http://a.example", "https://a.example", False),
        ("https://a.example", "https://a.example:444", False),
        ("https://a.example", "https://b.example", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(left: str, right: str, *, same: bool) -> None:
    assert (Origin.of(httpx.URL(left)) == Origin.of(httpx.URL(right))) is same


def test_a_url_in_a_message_has_neither_password_nor_query() -> None:
    assert shown("https://me:pw@a.example/x?key=1#f") == "https://a.example/x"
