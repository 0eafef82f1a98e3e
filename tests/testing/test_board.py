"""The control page of many sandboxes, over real HTTP: what it does, and whom it does nothing for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser

import httpx
import pytest

from hub.spoke import Webhook
from hub.testing.board import MAX_FORM, board
from hub.testing.receiver import receiver
from tests.testing.broken.herald import HeraldSandbox
from tests.testing.broken.sandbox import AcmeSandbox

Act = Callable[..., httpx.Response]
NASTY = "<script>alert(1)</script>"


@pytest.fixture
def acme() -> AcmeSandbox:
    return AcmeSandbox()


@pytest.fixture
def page(acme: AcmeSandbox) -> Iterator[httpx.Client]:
    with (
        board([acme, HeraldSandbox()]) as url,
        httpx.Client(base_url=url, trust_env=False, follow_redirects=True) as client,
    ):
        yield client


def token(page: httpx.Client) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page.get("/").text)
    assert found
    return found[1]


@pytest.fixture
def act(page: httpx.Client) -> Act:
    """Send a form of the page, for Acme."""
    form = {"token": token(page), "sandbox": "acme"}

    def sent(what: str, **fields: str) -> httpx.Response:
        answer = page.post("/act", data={**form, "act": what, **fields})
        assert answer.status_code == 200
        return answer

    return sent


def test_every_sandbox_has_its_part_of_the_page(page: httpx.Client, acme: AcmeSandbox) -> None:
    text = page.get("/").text
    assert '<section id="acme">' in text
    assert '<section id="herald">' in text
    assert acme.url in text


def test_the_clock_is_moved_and_held(act: Act, acme: AcmeSandbox) -> None:
    before = acme.clock.now()
    act("advance", seconds="3600")
    assert (acme.clock.now() - before).total_seconds() >= 3600
    assert "(frozen)" in act("freeze").text
    assert acme.clock.frozen
    act("run")
    assert not acme.clock.frozen


def test_a_fault_is_ordered_and_cleared(act: Act, acme: AcmeSandbox) -> None:
    text = act("fault", ready="429, wait 30 s", path="/work_orders", times="2").text
    [waiting] = acme.faults.shown()
    assert (waiting["status"], waiting["times"], waiting["path"]) == (429, 2, "/work_orders")
    assert "1 on order" in text
    act("clear")
    assert acme.faults.shown() == []


def test_a_user_acts_and_the_outcome_is_shown(act: Act, acme: AcmeSandbox) -> None:
    data = '{"do": "create", "stream": "work_orders", "data": {"title": "Door"}}'
    assert "wo_00001" in act("mutate", command=data).text
    assert acme.mutate({"do": "list", "stream": "work_orders"}) == ["wo_00001"]


def test_a_command_that_is_not_understood_gets_help(act: Act) -> None:
    for command in ('{"do": "fly"}', "not json", ""):
        text = act("mutate", command=command).text
        assert 'class="bad"' in text
        assert "Every sandbox understands these" in text


def test_webhooks_are_sent(act: Act, acme: AcmeSandbox) -> None:
    heard: list[Webhook] = []
    id = acme.mutate({"do": "create", "stream": "work_orders", "data": {"title": "Door"}})
    with receiver(heard.append) as url:
        command = f'{{"to": "{url}", "stream": "work_orders", "id": "{id}"}}'
        assert "[202]" in act("emit", command=command).text
    assert id.encode() in heard[0].body


def test_the_journal_is_shown_newest_first_and_forgotten(act: Act, acme: AcmeSandbox) -> None:
    for path in ("/first", f"/{NASTY}"):
        httpx.get(acme.url + path, trust_env=False)
    text = act("advance", seconds="1").text
    assert text.index("&lt;script&gt;") < text.index("/first")
    act("forget")
    assert len(acme.journal) == 0


def test_nothing_that_others_wrote_runs(act: Act, page: httpx.Client) -> None:
    text = act("mutate", command=f'{{"do": "{NASTY}"}}').text
    assert NASTY not in text
    answer = page.get("/")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'nonce-")
    assert "script" not in policy
    assert resources(answer.text) == []
    assert page.get("/").headers["content-security-policy"] != policy


def test_a_form_of_another_page_does_nothing(page: httpx.Client, acme: AcmeSandbox) -> None:
    for form in ({}, {"token": ""}, {"token": "x" * 32}, {"token": "ä"}):
        answer = page.post("/act", data={**form, "sandbox": "acme", "act": "freeze"})
        assert answer.status_code == 403
    assert not acme.clock.frozen


def test_who_calls_it_by_another_name_is_refused(page: httpx.Client) -> None:
    assert page.get("/", headers={"host": "evil.example"}).status_code == 403


def test_a_form_that_is_too_large_is_refused(page: httpx.Client) -> None:
    form = {"token": token(page), "sandbox": "acme", "act": "mutate", "command": "x" * MAX_FORM}
    assert page.post("/act", data=form).status_code == 413


def test_what_the_page_does_not_know_is_refused(page: httpx.Client, act: Act) -> None:
    assert page.get("/other").status_code == 404
    assert "knows no such act" in act("explode").text
    form = {"token": token(page), "sandbox": "nobody", "act": "freeze"}
    assert page.post("/act", data=form).status_code == 404


def resources(text: str) -> list[str]:
    """What a browser would load for the page."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag in {"script", "link", "img", "iframe"}:
                found.append(tag)
            found.extend(name for name, _ in attrs if name == "src" or name.startswith("on"))

    Reader().feed(text)
    return found
