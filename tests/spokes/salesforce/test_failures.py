"""What their refusals mean to the hub, and what settings a connection may have."""

from __future__ import annotations

import inspect
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from pydantic import ValidationError
from simple_salesforce import exceptions as sdk

import hub
from hub import marked
from hub.testing import Fault
from spokes.salesforce import errors
from spokes.salesforce.sandbox import SalesforceSandbox
from spokes.salesforce.spoke import Salesforce
from tests.spokes.salesforce.conftest import ACCOUNT, Connect, changes

SETTINGS = {"url": "https://brightbasket.my.salesforce.com", "client_id": "3MVG9"}
SDK_ERRORS = [
    error
    for _, error in inspect.getmembers(sdk, inspect.isclass)
    if issubclass(error, Exception) and error.__module__ == sdk.__name__
]


def said(code: str, message: str = "because") -> list[dict[str, str]]:
    return [{"message": message, "errorCode": code}]


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (401, "INVALID_SESSION_ID", hub.AuthFailed),
        (401, "INVALID_AUTH_HEADER", hub.AuthFailed),
        (400, "invalid_grant", hub.AuthFailed),
        (403, "API_DISABLED_FOR_ORG", hub.AuthFailed),
        (403, "FUNCTIONALITY_NOT_ENABLED", hub.AuthFailed),
        (403, "INSUFFICIENT_ACCESS_OR_READONLY", hub.Permanent),
        (403, "SOMETHING_NEW", hub.AuthFailed),
        (400, "UNABLE_TO_LOCK_ROW", hub.Transient),
        (400, "QUERY_TIMEOUT", errors.TooLarge),
        (400, "OPERATION_TOO_LARGE", errors.TooLarge),
        (400, "INVALID_QUERY_LOCATOR", hub.CursorLost),
        (400, "INVALID_REPLICATION_DATE", hub.CursorLost),
        (400, "DUPLICATES_DETECTED", hub.Permanent),
        (400, "DUPLICATE_VALUE", hub.Conflict),
        (404, "ENTITY_IS_DELETED", hub.NotFound),
        (404, "NOT_FOUND", hub.NotFound),
        (400, "REQUIRED_FIELD_MISSING", hub.Permanent),
        (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", hub.Permanent),
        (400, "MALFORMED_QUERY", hub.Permanent),
        (400, "INVALID_FIELD", errors.Outdated),
        (403, "STORAGE_LIMIT_EXCEEDED", hub.RateLimited),
        (410, "UNSUPPORTED_API_VERSION", hub.AuthFailed),
        (412, "PRECONDITION_FAILED", hub.Conflict),
        (500, "UNKNOWN_EXCEPTION", hub.Transient),
        (503, "SERVER_UNAVAILABLE", hub.Transient),
        (429, "TOO_MANY", hub.RateLimited),
    ],
)
def test_every_error_code_has_its_meaning(
    status: int, code: str, expected: type[hub.SyncError]
) -> None:
    assert type(errors.translate(status, said(code))) is expected


def test_the_daily_quota_is_not_the_limit_of_calls_at_once() -> None:
    daily = errors.translate(403, said("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."))
    at_once = errors.translate(
        403, said("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API) Limit exceeded.")
    )
    assert isinstance(daily, hub.RateLimited)
    assert isinstance(at_once, hub.RateLimited)
    assert (daily.retry_after, at_once.retry_after) == (timedelta(minutes=15), timedelta(minutes=1))


def test_a_locked_row_is_found_in_the_text_of_a_trigger() -> None:
    text = "CaseTrigger: System.DmlException: first error: UNABLE_TO_LOCK_ROW, unable to obtain"
    error = errors.translate(400, said("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", text))
    assert type(error) is hub.Transient


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>Down for maintenance</html>", b"<?xml version='1.0'?><Error/>", b"[]", b"{}",
     b"[1]", b'{"errorCode": 7}', b"null", "text", None, [[]], b'[{"errorCode": null}]'],
)  # fmt: skip
def test_any_body_can_be_read(body: object) -> None:
    assert errors.translate(500, body) is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"message": "gone", "errorCode": "NOT_FOUND"}', "NOT_FOUND: gone"),
        (b'{"error": "invalid_grant"}', "invalid_grant"),
        (b'[{"statusCode": "STRING_TOO_LONG", "message": "m", "fields": ["Subject"]}]',
         "STRING_TOO_LONG: m (fields: Subject)"),
    ],
)  # fmt: skip
def test_objects_are_read_like_arrays(body: bytes, message: str) -> None:
    assert str(errors.translate(400, body)) == message


def made(error: type[Exception]) -> Exception:
    if issubclass(error, sdk.SalesforceAuthenticationFailed):
        return error("invalid_grant", None)
    if issubclass(error, sdk.SalesforceError):
        return error("https://x", 400, "Case", said("MALFORMED_QUERY"))  # type: ignore[arg-type]
    return error("bulk")


@pytest.mark.parametrize("error", SDK_ERRORS, ids=lambda error: error.__name__)
def test_every_exception_of_the_sdk_is_translated(error: type[Exception]) -> None:
    with pytest.raises(hub.SyncError), errors.translated():
        raise made(error)


def test_the_sdk_has_the_exceptions_that_we_know() -> None:
    assert len(SDK_ERRORS) >= 11


@pytest.mark.parametrize(
    "error",
    [requests.ConnectionError(), requests.Timeout(), requests.exceptions.ChunkedEncodingError()],
)
def test_errors_of_requests_are_transient(error: Exception) -> None:
    assert type(errors.of_sdk(error)) is hub.Transient


def test_a_bug_of_ours_stays_one() -> None:
    with pytest.raises(KeyError), errors.translated():
        raise KeyError("records")


def test_an_exhausted_quota_pauses_the_connection(
    org: SalesforceSandbox, spoke: Salesforce
) -> None:
    changes(spoke, ACCOUNT)
    org.mutate({"do": "quota", "used": 100_000})
    with pytest.raises(hub.RateLimited, match="TotalRequests"):
        changes(spoke, ACCOUNT)


def test_a_maintenance_page_is_transient(org: SalesforceSandbox, spoke: Salesforce) -> None:
    page: dict[str, Any] = {"headers": {"Content-Type": "text/html"}, "body": "<html>Sorry</html>"}
    changes(spoke, ACCOUNT)
    org.faults.add(Fault(path="queryAll", status=503, times=3, **page))
    with pytest.raises(hub.Transient):
        changes(spoke, ACCOUNT)
    org.faults.clear()
    org.faults.add(Fault(path="queryAll", status=200, **page))
    with pytest.raises(hub.Transient, match="not JSON"):
        changes(spoke, ACCOUNT)


def test_they_say_how_long_to_wait(org: SalesforceSandbox, spoke: Salesforce) -> None:
    busy = said("SERVER_UNAVAILABLE")
    org.faults.add(
        Fault(status=503, headers={"Retry-After": "90"}, body=busy, times=None, path="data")
    )
    with pytest.raises(hub.RateLimited) as caught:
        changes(spoke, ACCOUNT)
    assert caught.value.retry_after == timedelta(seconds=90)


def test_a_refused_sign_in_pauses_the_connection(org: SalesforceSandbox, spoke: Salesforce) -> None:
    org.mutate({"do": "refuse_logins", "error": "invalid_grant"})
    with pytest.raises(hub.AuthFailed, match="invalid_grant"):
        changes(spoke, ACCOUNT)


def test_a_wrong_secret_pauses_the_connection(connect: Connect) -> None:
    with pytest.raises(hub.AuthFailed, match="invalid_client"):
        changes(connect(client_secret="wrong"), ACCOUNT)


def test_a_retired_version_says_what_to_change(connect: Connect) -> None:
    with pytest.raises(hub.AuthFailed, match="raise api_version"):
        changes(connect(api_version="30.0"), ACCOUNT)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({}, "client_secret, or username and private_key"),
        ({"client_secret": "s", "private_key": "k", "username": "u"}, "but not both"),
        ({"private_key": "k"}, "needs username"),
        ({"client_secret": "s", "page_size": 100}, "page_size"),
        ({"client_secret": "s", "page_size": 2001}, "page_size"),
        ({"client_secret": "s", "api_version": "66"}, "api_version"),
        ({"client_secret": "s", "url": "https://brightbasket.lightning.force.com"}, "host"),
        ({"client_secret": "s", "url": "https://login.salesforce.com"}, "host"),
        ({"client_secret": "s", "password": "p"}, "password"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Salesforce.model_validate(SETTINGS | settings)
    assert complaint in str(caught.value)


def test_a_sandbox_org_has_an_address_too() -> None:
    url = "https://brightbasket--uat.sandbox.my.salesforce.com"
    assert Salesforce.model_validate(SETTINGS | {"client_secret": "s", "url": url}).url == url


def test_the_sample_connection_has_settings_that_exist() -> None:
    sample = Path(inspect.getfile(Salesforce)).with_name("connection.yaml")
    settings = marked.read(sample)[0].data["settings"]
    spoke = Salesforce.model_validate(settings)
    told = set(re.findall(r"^  (?:# )?(\w+):", sample.read_text(), re.MULTILINE))
    assert told - {"Contact", "Account"} <= set(Salesforce.model_fields)
    assert spoke.api_version == "66.0"
