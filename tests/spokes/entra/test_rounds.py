"""Rounds that contradict themselves, page by page: what is read decides, not what came last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

import hub
from hub.http import MockTransport, Request, Response
from spokes.entra.spoke import Entra

A, B = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"
COLUMNS = ("city", "createdDateTime", "displayName", "id", "userPrincipalName")
GONE = {"@removed": {"reason": "changed"}}
URL = "https://graph.microsoft.com"

Row = dict[str, Any]


def row(id: str, **more: Any) -> Row:
    """A row that shows its object whole."""
    whole = {"createdDateTime": "2026-01-01T00:00:00Z", "userPrincipalName": f"{id}@x.example"}
    return {"id": id, **whole, **more}


def pull(
    pages: Sequence[Sequence[Row]], copies: Mapping[str, Row], *, first: bool
) -> tuple[list[hub.Page], list[str]]:
    """What is pulled from these pages of a round, and which objects were read by their id."""
    read: list[str] = []

    def answer(request: Request) -> Response:
        if request.url.path.endswith("/token"):
            return Response(200, json={"access_token": "t", "expires_in": 3599})
        if request.url.path == "/v1.0/users":
            ids = [id for id in (A, B) if id in request.url.params["$filter"]]
            read.extend(ids)
            return Response(200, json={"value": [copies[id] for id in ids if id in copies]})
        number = int(request.url.params["$skiptoken"])
        name = "@odata.deltaLink" if number == len(pages) - 1 else "@odata.nextLink"
        link = f"{URL}/v1.0/users/delta?$skiptoken={number + 1}"
        return Response(200, json={"value": pages[number], name: link})

    settings = {"tenant": "t", "client_id": "c", "client_secret": "s", "client_state": "a-secret"}
    spoke = Entra.model_validate(settings).using(transport=MockTransport(answer))
    begun = {"link": f"{URL}/v1.0/users/delta?$skiptoken=0", "columns": COLUMNS, "first": first}
    stream = hub.Stream("users", wants=("displayName", "city"))
    found = list(spoke.pull(stream, orjson.dumps(begun).decode()))
    spoke.close()
    return found, read


def pulled(
    pages: Sequence[Sequence[Row]], copies: Mapping[str, Row], *, first: bool
) -> tuple[list[tuple[str, str | None]], list[str]]:
    """As `pull`, with what is told as (id, city), None for what is gone or has none."""
    found, read = pull(pages, copies, first=first)
    changes = [change for page in found for change in page.changes]
    return [(one.id, one.data["city"] if one.data else None) for one in changes], read


def test_in_a_later_round_nothing_is_taken_for_whole() -> None:
    pages = [[row(A, displayName="Ada")]]
    told, read = pulled(pages, {A: row(A, city="Lindau")}, first=False)
    assert (told, read) == ([(A, "Lindau")], [A])


def test_the_first_round_is_over_once_it_has_given_its_delta_link() -> None:
    found, _ = pull([[row(A)], [row(B)]], {}, first=True)
    assert [orjson.loads(page.cursor)["first"] for page in found] == [True, False]


def test_a_whole_row_that_comes_again_with_older_values_changes_nothing() -> None:
    pages = [[row(A, city="Graz")], [row(B)], [], [row(A, city="Lindau")]]
    told, read = pulled(pages, {A: row(A, city="Graz")}, first=True)
    assert (told, read) == ([(A, "Graz"), (B, None)], [A])


def test_a_whole_row_that_comes_again_with_newer_values_is_told() -> None:
    pages = [[row(A, city="Graz")], [row(B)], [row(A, city="Lindau")]]
    told, _ = pulled(pages, {A: row(A, city="Lindau")}, first=True)
    assert told == [(A, "Graz"), (B, None), (A, "Lindau")]


def test_a_removal_that_comes_again_after_a_restoration_removes_nobody() -> None:
    pages = [[{"id": A, **GONE}], [row(A, city="Graz")], [row(B)], [{"id": A, **GONE}]]
    told, _ = pulled(pages, {A: row(A, city="Graz"), B: row(B)}, first=False)
    assert told == [(A, None), (A, "Graz"), (B, None)]


def test_rows_of_one_page_that_do_not_agree_are_decided_by_the_copy() -> None:
    for rows in ([row(A, city="Graz"), row(A, city="Lindau")], [row(A), {"id": A, **GONE}]):
        there, _ = pulled([rows], {A: row(A, city="Bern")}, first=True)
        gone, _ = pulled([rows[::-1]], {}, first=True)
        assert (there, gone) == ([(A, "Bern")], [(A, None)])


def test_a_partial_row_of_somebody_who_is_not_there_is_a_deletion() -> None:
    told, _ = pulled([[{"id": A, "city": "Graz"}]], {}, first=False)
    assert told == [(A, None)]


def test_an_id_is_the_same_in_either_case() -> None:
    pages = [[{"id": A.upper(), "city": "Graz"}]]
    told, _ = pulled(pages, {A: row(A.upper(), city="Graz")}, first=False)
    assert told == [(A, "Graz")]
