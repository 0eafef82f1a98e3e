"""What holds for every answer, and what a supervisor asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import Response
from sqlalchemy import text

from tests.web.conftest import House, inside, served


def test_a_living_process_says_so_and_one_with_our_schema_is_ready(client: httpx.Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}


def test_a_database_of_another_version_is_not_ready_and_the_reason_is_said(
    house: House, client: httpx.Client
) -> None:
    with house.db.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '0999'"))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["detail"].startswith("the database has schema version 0999")
    assert str(house.db.url.database) not in answer.text
    assert client.get("/healthz").status_code == 200


def test_every_answer_forbids_guessing_and_keeping_and_names_no_product(house: House) -> None:
    with served(house.app, house.headers) as client:
        for path in ("/healthz", "/admin/api/status", "/nowhere", "/hooks/acme", "/openapi.json"):
            headers = client.get(path).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["cache-control"] == "no-store"
            assert headers["content-security-policy"].startswith("default-src 'none'")
            assert "server" not in headers


def test_an_answer_that_may_be_kept_says_so_itself(house: House) -> None:
    @house.app.get("/picture")
    def picture() -> Response:
        return Response(headers={"Cache-Control": "max-age=60"})

    headers = inside(house.app).get("/picture").headers
    assert headers.get_list("cache-control") == ["max-age=60"]
    assert headers["referrer-policy"] == "no-referrer"


def test_an_unknown_path_is_a_problem_with_a_next_step(client: httpx.Client) -> None:
    answer = client.get("/admin/api/recordz")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "Not Found.",
        "next_step": "GET /openapi.json lists the paths.",
    }


def test_the_api_describes_itself_without_pages_that_load_from_elsewhere(
    client: httpx.Client,
) -> None:
    described: dict[str, Any] = client.get("/openapi.json").json()
    assert set(described["paths"]) >= {
        "/hooks/{connection}",
        "/admin/api/status",
        "/admin/api/records/{table}",
        "/admin/api/records/{table}/{key}",
        "/healthz",
        "/readyz",
    }
    for path, methods in described["paths"].items():
        for method in methods.values():
            guarded = path.startswith("/admin/")
            assert ("security" in method) is guarded, path
    assert client.get("/docs").status_code == 404


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({}, id="none"),
        pytest.param({"Authorization": "Bearer hub_guess"}, id="a guess"),
        pytest.param({"Authorization": "Bearer"}, id="no secret"),
        pytest.param({"Authorization": "Basic YTpi"}, id="another scheme"),
        pytest.param({"Authorization": "Bearer \xff\xfe"}, id="bytes"),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/admin/api/status"),
        ("GET", "/admin/api/dead"),
        ("GET", "/admin/api/revivals"),
        ("POST", "/admin/api/revivals"),
        ("DELETE", "/admin/api/revivals/1"),
        ("GET", "/admin/api/conflicts"),
        ("POST", "/admin/api/conflicts"),
        ("GET", "/admin/api/conflicts/1"),
        ("POST", "/admin/api/conflicts/1"),
        ("GET", "/admin/api/records/case"),
        ("GET", "/admin/api/records/nonsense"),
        ("GET", "/admin/api/records/case/CS0001001"),
        ("PATCH", "/admin/api/records/case/CS0001001"),
    ],
)
def test_the_admin_api_opens_to_tokens_only(
    build: Callable[..., House], given: dict[str, str], method: str, path: str
) -> None:
    raw = {name: value.encode("latin-1") for name, value in given.items()}
    answer = inside(build().app).request(method, path, headers=raw)  # type: ignore[arg-type]
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["next_step"] == "Make one with `hub token new NAME`."


def test_status_names_every_connection(client: httpx.Client) -> None:
    answer = client.get("/admin/api/status").json()
    names = [connection["connection"] for connection in answer["connections"]]
    assert names == ["acme", "polite", "bearer", "broken", "deaf"]
    assert {"state", "reason", "next_step", "streams"} <= answer["connections"][0].keys()
