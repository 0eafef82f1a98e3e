"""Many writes in one `$batch`: each its own outcome, and nobody else's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

import hub
from hub.testing import Fault
from spokes.dynamics365.sandbox import Dynamics365Sandbox
from spokes.dynamics365.spoke import Dynamics365
from tests.spokes.dynamics365.conftest import (
    ACCOUNTS,
    API,
    INCIDENTS,
    STREAMS,
    Ask,
    Connect,
    error,
    first,
    rows,
)

WHOLE = r"\$batch$"
NOTES = STREAMS["annotations"]


def new(number: int, **data: Any) -> hub.Write:
    return hub.Write(None, {"name": f"Store {number}"} | data, key=f"key-{number:03}")


def made(field: Dynamics365Sandbox) -> list[str]:
    """The keys of ours that accounts over there have, sorted."""
    return sorted(row["csm_hubid"] for row in rows(field, ACCOUNTS).values() if row["csm_hubid"])


def told(outcomes: Sequence[hub.Receipt | hub.SyncError]) -> list[str]:
    return [type(outcome).__name__ for outcome in outcomes]


def version(field: Dynamics365Sandbox, stream: hub.Stream, id: str) -> str:
    return f"{rows(field, stream)[id]['versionnumber']:020d}"


def test_each_write_has_the_outcome_that_it_would_have_alone(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    stale, gone, fine, *_ = rows(field, ACCOUNTS)
    seen = version(field, ACCOUNTS, stale)
    theirs = {"name": "Theirs"}
    field.mutate({"do": "update", "stream": "accounts", "id": stale, "data": theirs})
    field.mutate({"do": "delete", "stream": "accounts", "id": gone})
    writes = [
        new(1),
        hub.Write(stale, {"name": "Ours"}, "k", version=seen),
        hub.Write(gone, {"name": "Ours"}, "k"),
        new(2, name="x" * 161),
        hub.Write("not a guid", {"name": "Ours"}, "k"),
        new(3, _nonsense_value=fine),
        hub.Write(fine.upper(), {"name": "Ours"}, "k", version=version(field, ACCOUNTS, fine)),
    ]
    outcomes = spoke.upsert_many(ACCOUNTS, writes)
    assert told(outcomes) == [
        "Receipt", "Conflict", "NotFound", "Permanent", "NotFound", "Permanent", "Receipt"
    ]  # fmt: skip
    assert isinstance(outcomes[0], hub.Receipt)
    assert rows(field, ACCOUNTS)[outcomes[0].id]["csm_hubid"] == "key-001"
    assert outcomes[6] == hub.Receipt(fine, version(field, ACCOUNTS, fine))
    assert [rows(field, ACCOUNTS)[id]["name"] for id in (stale, fine)] == ["Theirs", "Ours"]
    for write, outcome in zip(writes[1:6], outcomes[1:6], strict=True):
        with pytest.raises(hub.SyncError) as alone:
            spoke.upsert(ACCOUNTS, write)
        assert (type(alone.value), str(alone.value)) == (type(outcome), str(outcome))


def test_fifty_writes_are_one_call_and_fifty_requests(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    outcomes = spoke.upsert_many(ACCOUNTS, [new(n) for n in range(Dynamics365.at_once)])
    assert told(outcomes) == ["Receipt"] * 50
    assert made(field) == [f"key-{n:03}" for n in range(50)]
    [whole] = field.journal.of(WHOLE)
    assert spoke.http.calls == 1
    assert whole.headers["prefer"] == "odata.continue-on-error"
    parts = field.journal.of("/accounts", "PATCH")
    assert [part.status for part in parts] == [201] * 50
    assert {part.headers["if-none-match"] for part in parts} == {"*"}


def test_a_throttled_part_says_how_long_to_wait_and_stops_nobody_else(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    body = {"error": {"code": "0x80072321", "message": "Combined execution time exceeded"}}
    after = {"Retry-After": "77"}
    field.faults.add(Fault(path="key-001", status=429, headers=after, body=body))
    outcomes = spoke.upsert_many(ACCOUNTS, [new(n) for n in range(3)])
    assert told(outcomes) == ["Receipt", "RateLimited", "Receipt"]
    assert isinstance(outcomes[1], hub.RateLimited)
    assert outcomes[1].retry_after.total_seconds() == 77
    assert made(field) == ["key-000", "key-002"]


def test_a_batch_whose_answer_is_lost_is_repeated_without_a_second_record(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    writes = [new(n) for n in range(10)]
    field.faults.add(Fault(path=WHOLE, drop="after"))
    with pytest.raises(hub.Transient):
        spoke.upsert_many(ACCOUNTS, writes)
    versions = {id: row["versionnumber"] for id, row in rows(field, ACCOUNTS).items()}
    again = spoke.upsert_many(ACCOUNTS, writes)
    assert told(again) == ["Receipt"] * 10
    assert versions == {id: row["versionnumber"] for id, row in rows(field, ACCOUNTS).items()}
    assert made(field) == [f"key-{n:03}" for n in range(10)]


def test_a_part_that_breaks_off_is_repeated_without_a_second_record(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    field.faults.add(Fault(path="key-001", drop="after"))
    assert told(spoke.upsert_many(ACCOUNTS, [new(0), new(1)])) == ["Receipt", "Transient"]
    assert told(spoke.upsert_many(ACCOUNTS, [new(1)])) == ["Receipt"]
    assert made(field) == ["key-000", "key-001"]


def test_any_text_arrives_as_it_was_sent(field: Dynamics365Sandbox, spoke: Dynamics365) -> None:
    texts = [
        "Zoë's \"till\" 漢字 🧰", "a\r\n\r\n--batch\r\n", "--batch_x--", "HTTP/1.1 204 No Content\r\n",
        "%00 &amp; \\u0000 $1", "\x85\u2028\u2029",
    ]  # fmt: skip
    writes = [new(n, description=text) for n, text in enumerate(texts)]
    writes.append(hub.Write(None, {"name": "x"}, "O'Brien, (or)'=' HTTP/1.1 ö"))
    outcomes = spoke.upsert_many(ACCOUNTS, writes)
    ids = [one.id for one in outcomes if isinstance(one, hub.Receipt)]
    assert [rows(field, ACCOUNTS)[id]["description"] for id in ids[:-1]] == texts
    assert rows(field, ACCOUNTS)[ids[-1]]["csm_hubid"] == writes[-1].key


def test_cases_are_closed_apart_and_what_else_is_said_of_them_is_not(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    one, other, third = [id for id, row in rows(field, INCIDENTS).items() if not row["statecode"]][
        :3
    ]
    resolved = {"statecode": 1, "statuscode": 1000}
    outcomes = spoke.upsert_many(
        INCIDENTS,
        [
            hub.Write(one, {"title": "Till 4 was dead"} | resolved, "k", version(field, INCIDENTS, one)),
            hub.Write(other, resolved, "k", version(field, INCIDENTS, other)),
            hub.Write(third, resolved, "k", "00000000000000000001"),
        ],
    )  # fmt: skip
    assert told(outcomes) == ["Receipt", "Receipt", "Conflict"]
    found = [rows(field, INCIDENTS)[id] for id in (one, other, third)]
    assert [row["statecode"] for row in found] == [1, 1, 0]
    assert found[0]["title"] == "Till 4 was dead"


def test_notes_which_we_name_are_created_under_our_ids(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    keys = [f"0123456789abcdef0123456789abcde{n}" for n in range(3)]
    case = first(field, INCIDENTS)
    data = {"notetext": "x", "_objectid_incident_value": case}
    outcomes = spoke.upsert_many(NOTES, [hub.Write(None, data, key) for key in keys])
    ids = [one.id.replace("-", "") for one in outcomes if isinstance(one, hub.Receipt)]
    assert ids == keys


def test_a_table_read_by_time_is_compared_before_and_written_together(
    field: Dynamics365Sandbox, connect: Connect
) -> None:
    spoke = connect(without_change_tracking=[ACCOUNTS.name])
    one, other, *_ = rows(field, ACCOUNTS)
    seen = {change.id: change.version for change in spoke.fetch(ACCOUNTS, [one, other])}
    field.clock.advance(hub.Keyset().overlap)
    field.mutate({"do": "update", "stream": "accounts", "id": one, "data": {"name": "Theirs"}})
    writes = [hub.Write(id, {"name": "Ours"}, "k", seen[id]) for id in (one, other)]
    assert told(spoke.upsert_many(ACCOUNTS, writes)) == ["Conflict", "Receipt"]
    assert [rows(field, ACCOUNTS)[id]["name"] for id in (one, other)] == ["Theirs", "Ours"]


@pytest.mark.parametrize("said", [{}, {"title": "Closed by the hub"}], ids=["alone", "with more"])
def test_a_limit_met_while_one_case_is_closed_is_not_tried_again_for_the_next(
    field: Dynamics365Sandbox, spoke: Dynamics365, said: dict[str, str]
) -> None:
    field.faults.add(Fault(path="CloseIncident", status=429, times=None))
    open_ones = [id for id, row in rows(field, INCIDENTS).items() if not row["statecode"]][:3]
    writes = [hub.Write(id, {"statecode": 1} | said, "k") for id in open_ones]
    outcomes = spoke.upsert_many(INCIDENTS, writes)
    assert told(outcomes) == ["RateLimited"] * 3
    assert len(field.journal.of("CloseIncident")) == 1


@pytest.mark.parametrize(
    ("status", "expected"),
    [(429, hub.RateLimited), (401, hub.AuthFailed), (503, hub.Transient), (413, hub.Permanent)],
)
def test_what_concerns_the_whole_is_raised(
    field: Dynamics365Sandbox, spoke: Dynamics365, status: int, expected: type[Exception]
) -> None:
    field.faults.add(Fault(path=WHOLE, status=status, times=None))
    with pytest.raises(expected):
        spoke.upsert_many(ACCOUNTS, [new(1), new(2)])
    assert made(field) == []


# -- hostile answers


def part(
    key: str, *, status: str = "201 Created", id: str = "", head: str = "", **row: Any
) -> bytes:
    number = key.removeprefix("key-")
    id = id or f"0a0a0a0a-0000-4000-8000-000000000{number}"
    body = {"accountid": id, "versionnumber": 7, "csm_hubid": key} | row
    lines = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    lines += f"HTTP/1.1 {status}\r\n{head}Content-Type: application/json\r\n\r\n"
    return lines.encode() + orjson.dumps(body)


def whole(*parts: bytes, end: bytes = b"--b--\r\n") -> bytes:
    return b"".join(b"--b\r\n" + one + b"\r\n" for one in parts) + end


def answering(
    field: Dynamics365Sandbox, body: bytes, kind: str = "multipart/mixed; boundary=b"
) -> None:
    field.faults.add(Fault(path=WHOLE, status=200, headers={"Content-Type": kind}, body=body))


TWO = (part("key-000"), part("key-001"))
NESTED = b"".join(b"--%d\r\nContent-Type: multipart/mixed; boundary=%d\r\n\r\n" % (n, n + 1) for n in range(1500))  # fmt: skip


def test_the_answers_that_the_hostile_ones_are_made_of_are_good(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    answering(field, whole(*TWO))
    assert told(spoke.upsert_many(ACCOUNTS, [new(0), new(1)])) == ["Receipt", "Receipt"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (whole(TWO[0]), "multipart/mixed; boundary=b"),
        (whole(*TWO, TWO[0]), "multipart/mixed; boundary=b"),
        (whole(), "multipart/mixed; boundary=b"),
        (whole(*TWO, end=b""), "multipart/mixed; boundary=b"),
        (whole(*TWO)[:-40], "multipart/mixed; boundary=b"),
        (whole(*TWO), "multipart/mixed; boundary=c"),
        (whole(*TWO), "multipart/mixed"),
        (whole(*TWO), "multipart/mixed; boundary="),
        (whole(*TWO), "application/json"),
        (b"", "multipart/mixed; boundary=b"),
        (b"\0\xff" * 1000, "multipart/mixed; boundary=b"),
        (whole(*TWO).replace(b"application/http", b"text/plain"), "multipart/mixed; boundary=b"),
        (whole(*TWO).replace(b"HTTP/1.1 201", b"HTTP/1.1 999"), "multipart/mixed; boundary=b"),
        (whole(*TWO).replace(b"HTTP/1.1 201", b"201"), "multipart/mixed; boundary=b"),
        (whole(TWO[0], part("key-001", head="Content-Length: 4000\r\n")), "multipart/mixed; boundary=b"),
        (whole(TWO[0], part("key-001", head="Content-Length: -1\r\n")), "multipart/mixed; boundary=b"),
        (whole(TWO[0], part("key-001", head=f"Content-Length: {'9' * 5000}\r\n")), "multipart/mixed; boundary=b"),
        (whole(TWO[0], b"Content-Type: multipart/mixed; boundary=c\r\n\r\n--c--\r\n"), "multipart/mixed; boundary=b"),
        (whole(TWO[0], part("key-001", name="x" * 200_000)), "multipart/mixed; boundary=b"),
        (NESTED, "multipart/mixed; boundary=0"),
    ],
)  # fmt: skip
def test_an_answer_that_is_not_whole_is_nobodys_receipt(
    field: Dynamics365Sandbox, spoke: Dynamics365, body: bytes, kind: str
) -> None:
    answering(field, body, kind)
    with pytest.raises(hub.Transient, match=r"\$batch: the answer cannot be read"):
        spoke.upsert_many(ACCOUNTS, [new(0), new(1)])


def test_an_answer_that_ends_early_is_nobodys_receipt(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    field.faults.add(Fault(path=WHOLE, truncate=600))
    with pytest.raises(hub.Transient):
        spoke.upsert_many(ACCOUNTS, [new(0), new(1)])


@pytest.mark.parametrize(
    "parts",
    [
        (TWO[1], TWO[0]),
        (part("key-000"), part("key-000")),
        (part("key-007"), part("key-008")),
    ],
)
def test_a_row_that_was_not_written_is_nobodys_receipt(
    field: Dynamics365Sandbox, spoke: Dynamics365, parts: tuple[bytes, bytes]
) -> None:
    answering(field, whole(*parts))
    outcomes = spoke.upsert_many(ACCOUNTS, [new(0), new(1)])
    good = [i for i, one in enumerate(parts) if one == TWO[i]]
    assert [i for i, one in enumerate(outcomes) if isinstance(one, hub.Receipt)] == good
    assert {type(one) for one in outcomes} <= {hub.Receipt, hub.Transient}


def test_an_update_is_answered_with_its_own_row(
    field: Dynamics365Sandbox, spoke: Dynamics365
) -> None:
    one, other, *_ = rows(field, ACCOUNTS)
    answering(field, whole(part("x", id=other), part("x", id=one)))
    writes = [hub.Write(id, {"name": "Ours"}, "k") for id in (one, other)]
    assert told(spoke.upsert_many(ACCOUNTS, writes)) == ["Transient", "Transient"]
    field.faults.add(Fault(method="PATCH", status=200, body={"accountid": other}))
    with pytest.raises(hub.Transient, match="not about the row"):
        spoke.upsert(ACCOUNTS, writes[0])


# -- the sandbox

HEAD = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"


def asked(line: str = f"POST {API}/accounts HTTP/1.1", head: str = HEAD) -> str:
    return f'{head}{line}\r\nContent-Type: application/json\r\n\r\n{{"name": "x"}}'


def together(*parts: str, end: str = "--b--\r\n") -> str:
    return "".join(f"--b\r\n{one}\r\n" for one in parts) + end


MIXED = "multipart/mixed; boundary=b"


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (together(asked()), "application/json", 415),
        (together(asked()), "multipart/mixed", 400),
        (together(asked()), "multipart/mixed; boundary=c", 400),
        (together(asked()).replace("\r\n", "\n"), MIXED, 400),
        (together(asked(), end=""), MIXED, 400),
        (together(), MIXED, 400),
        ("", MIXED, 400),
        (together(asked(head="Content-Type: application/http\r\n\r\n")), MIXED, 400),
        (together(asked(head="Content-Type: application/json\r\n\r\n")), MIXED, 400),
        (together(asked("POST /api/data/v9.2/accounts")), MIXED, 400),
        (together(asked("MERGE /api/data/v9.2/accounts HTTP/1.1")), MIXED, 400),
        (together(asked("POST https://evil.test/api/data/v9.2/accounts HTTP/1.1")), MIXED, 400),
        (together(asked("POST /elsewhere HTTP/1.1")), MIXED, 400),
        (together(asked(f"POST {API}/$batch HTTP/1.1")), MIXED, 400),
        (together("Content-Type: multipart/mixed; boundary=c\r\n\r\n--c--"), MIXED, 400),
        (together(*[asked()] * 1001), MIXED, 400),
    ],
)
def test_a_malformed_batch_is_refused_whole(
    field: Dynamics365Sandbox, ask: Ask, body: str, kind: str, status: int
) -> None:
    before = len(rows(field, ACCOUNTS))
    answer = ask("POST", "$batch", content=body.encode(), headers={"Content-Type": kind})
    assert error(answer) == (status, "0x80048d19")
    assert len(rows(field, ACCOUNTS)) == before


def test_without_the_preference_the_first_error_ends_a_batch(
    field: Dynamics365Sandbox, ask: Ask
) -> None:
    before = len(rows(field, ACCOUNTS))
    bad = asked("DELETE /api/data/v9.2/accounts(0a0a0a0a-0000-4000-8000-000000000001) HTTP/1.1")
    body, kind = (
        together(asked(), bad, asked("POST accounts HTTP/1.1")).encode(),
        {"Content-Type": MIXED},
    )
    answer = ask("POST", "$batch", content=body, headers=kind)
    assert (answer.status_code, answer.text.count("HTTP/1.1 ")) == (400, 2)
    assert len(rows(field, ACCOUNTS)) == before + 1
    answer = ask("POST", "$batch", "odata.continue-on-error", content=body, headers=kind)
    assert (answer.status_code, answer.text.count("HTTP/1.1 ")) == (200, 3)
    assert len(rows(field, ACCOUNTS)) == before + 3
