"""What is said of a faulty `spoke.yaml`: where, what, and what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub import rest
from hub.rest import BadSpoke
from tests.rest.files import ACME, load

FAULTS = {
    "a misspelt key": (
        "records: items", "recods: items",
        "acme/spoke.yaml:10:5: streams.work_orders.recods: unknown key; did you mean 'records'?",
    ),
    "a misspelt key at the top": (
        "webhooks:", "webhook:", "acme/spoke.yaml:18:1: webhook: unknown key; did you mean 'webhooks'?",
    ),
    "a key of a short form": (
        "fetch: /work_orders/{id}", "fetch: {path: '/work_orders/{id}', id: id}",
        "acme/spoke.yaml:13:40: streams.work_orders.fetch.id: unknown key; did you mean 'ids'?",
    ),
    "no id": (
        "    id: id\n", "", "acme/spoke.yaml:6:3: streams.work_orders.id: is missing",
    ),
    "no streams": (
        ACME[ACME.index("streams:") : ACME.index("webhooks:")], "",
        "acme/spoke.yaml:1:1: streams: is missing",
    ),
    "a name that is none": (
        "spoke: acme", "spoke: Acme Inc", "acme/spoke.yaml:1:1: spoke: does not look as it should: ^[a-z][a-z0-9_]*$",
    ),
    "another kind of system": (
        "about:", "kind: ecommerce\nabout:",
        "acme/spoke.yaml:2:1: kind: must be 'crm', 'field_service', 'identity', 'commerce' or 'other'; did you mean 'commerce'?",
    ),
    "an unknown way of paging": (
        "by: cursor", "by: curser",
        "acme/spoke.yaml:11:13: streams.work_orders.pages.by: must be 'page', 'offset', 'cursor', 'link', 'next_url' or 'keyset'; did you mean 'cursor'?",
    ),
    "a key of another way of paging": (
        "next: next}", "next: next, first: 0}",
        "acme/spoke.yaml:11:5: streams.work_orders.pages: by: cursor has no first; it has alone, expired, more, next, parameter, size",
    ),
    "a way of paging without its parameter": (
        "{by: cursor, parameter: after, next: next}", "{by: page}",
        "acme/spoke.yaml:11:5: streams.work_orders.pages: by: page needs parameter",
    ),
    "a count of a list that is none": (
        "    path: /work_orders\n    records: items\n    pages: {by: cursor, parameter: after, next: next}\n    since: changed_since\n",
        "    count: total\n",
        "acme/spoke.yaml:9:5: streams.work_orders.count: is for a list; say with `path` where the list is",
    ),
    "a count of what holds the records": (
        "records: items", "records: items\n    nested: {at: lines, parent: order}\n    count: total",
        "acme/spoke.yaml:12:5: streams.work_orders.count: counts what holds the records, not them; leave it out, or give a `path`",
    ),
    "a count that is said to be of everything twice": (
        "    since: changed_since\n", "    count: {at: total, whole: true}\n",
        "acme/spoke.yaml:12:24: streams.work_orders.count.whole: goes without saying where the list has no `since`",
    ),
    "a secret beside a count": (
        "records: items", "records: items\n    count: {at: total, query: {api_key: x}}",
        "acme/spoke.yaml:11:32: streams.work_orders.count.query.api_key: would be a secret in clear text, in an address; use `auth`",
    ),
    "a count in an address of nothing": (
        "records: items", "records: items\n    count: {at: total, path: '/{shop}/count'}",
        "acme/spoke.yaml:11:24: streams.work_orders.count.path: {shop} is nothing; known: api_key, hook_secret",
    ),
    "a quota in no time": (
        "about:", "quota: 0h\nabout:", "acme/spoke.yaml:2:1: quota: per: is no time; write a number and s, m, h or d: 24h",
    ),
    "a keyset without a time": (
        "    pages: {by: cursor, parameter: after, next: next}\n    since: changed_since\n",
        "    pages: {by: keyset, parameter: after}\n",
        "acme/spoke.yaml:11:13: streams.work_orders.pages.by: keyset pages by time and id; it needs `since`",
    ),
    "numbers without a version": (
        "    version: changed\n    path: /work_orders\n    records: items\n    pages: {by: cursor, parameter: after, next: next}",
        "    path: /work_orders\n    records: items\n    pages: {by: page, parameter: page}",
        "acme/spoke.yaml:6:3: streams.work_orders.version: is needed: by: page with `since` goes on after the last version",
    ),
    "an end that is a day": (
        "since: changed_since", "since: {parameter: from, until: to, format: date}",
        "acme/spoke.yaml:12:5: streams.work_orders.since: `until` cannot be a date: it would leave out today",
    ),
    "a duration that is none": (
        "since: changed_since", "since: {parameter: from, overlap: 5 minutes}",
        "acme/spoke.yaml:12:30: streams.work_orders.since.overlap: is no duration; write a number and s, m, h or d: 30s, 5m, 1h",
    ),
    "a rate that is none": (
        "about:", "rate: 10\nabout:",
        "acme/spoke.yaml:2:1: rate: is no rate; write calls per time: 10/s, 600/m, 100/10s",
    ),
    "an expression in a path": (
        "next: next", "next: 'meta.next | lower'",
        "acme/spoke.yaml:11:43: streams.work_orders.pages.next: is no path; write names with dots between them, as data.items; what needs more than that becomes Python (CONTRIBUTING.md, “Add a spoke”)",
    ),
    "an index in a path": (
        "records: items", "records: pages[0].items",
        "acme/spoke.yaml:10:5: streams.work_orders.records: is no path; write names with dots between them, as data.items; what needs more than that becomes Python (CONTRIBUTING.md, “Add a spoke”)",
    ),
    "code in a template": (
        "fetch: /work_orders/{id}", "fetch: /work_orders/{id.lower()}",
        "acme/spoke.yaml:13:5: streams.work_orders.fetch: has a brace that names nothing; write {id} or a setting; what needs more than that becomes Python (CONTRIBUTING.md, “Add a spoke”)",
    ),
    "a template that names nothing": (
        "path: /work_orders\n", "path: /{tenant}/work_orders\n",
        "acme/spoke.yaml:9:5: streams.work_orders.path: {tenant} is nothing; known: api_key, hook_secret",
    ),
    "a secret in an address": (
        "path: /work_orders\n", "path: /{api_key}/work_orders\n",
        "acme/spoke.yaml:9:5: streams.work_orders.path: {api_key} is a secret: no address may hold one",
    ),
    "a single record without its id": (
        "fetch: /work_orders/{id}", "fetch: /work_orders",
        "acme/spoke.yaml:13:5: streams.work_orders.fetch.path: needs {id}: which record is meant?",
    ),
    "an update without an id": (
        "PATCH /work_orders/{id}", "PATCH /work_orders",
        "acme/spoke.yaml:15:5: streams.work_orders.update: needs {id}: which record is meant?",
    ),
    "a request without a method": (
        "create: POST /work_orders", "create: /work_orders",
        "acme/spoke.yaml:14:5: streams.work_orders.create: is no request; write POST, PUT, PATCH, DELETE and a path: POST /orders",
    ),
    "a creation that may happen twice": (
        "    idempotency_key: Idempotency-Key\n", "",
        "acme/spoke.yaml:14:5: streams.work_orders.create: would make a second record when an answer is lost; add `idempotency_key` (a header), or `find` and `external_key`",
    ),
    "a search by a key that is never sent": (
        "idempotency_key: Idempotency-Key", "find: external_ref",
        "acme/spoke.yaml:17:5: streams.work_orders.find: needs `external_key`: the field of theirs that takes our key",
    ),
    "an etag that says nothing": (
        "idempotency_key: Idempotency-Key", "idempotency_key: Idempotency-Key\n    etag: changed",
        r"acme/spoke.yaml:18:5: streams.work_orders.etag: does not look as it should: ^[^{}]*\{version\}[^{}]*$",
    ),
    "a query in a path": (
        "path: /work_orders\n", "path: /work_orders?all=1\n",
        "acme/spoke.yaml:9:5: streams.work_orders.path: is no path; parameters belong under `query`, and no part is . or ..",
    ),
    "a stream that does nothing": (
        "webhooks:", "  sites: {id: id}\nwebhooks:",
        "acme/spoke.yaml:18:3: streams.sites: does nothing; give it `path`, `fetch`, `create` or an event",
    ),
    "a list's keys without a list": (
        "webhooks:", "  sites: {id: id, since: from, fetch: '/sites/{id}'}\nwebhooks:",
        "acme/spoke.yaml:18:19: streams.sites.since: is for a list; say with `path` where the list is",
    ),
    "two ways to sign in": (
        "{bearer: api_key}", "{bearer: api_key, basic: {user: api_key, password: api_key}}",
        "acme/spoke.yaml:4:1: auth: takes one of header, basic, bearer, oauth2, hmac; without `auth` nothing is signed",
    ),
    "a setting that nobody declared": (
        "{bearer: api_key}", "{bearer: api_kay}",
        "acme/spoke.yaml:4:8: auth.bearer: must be the name of one of `settings`, never a value; did you mean 'api_key'?",
    ),
    "a secret that would show": (
        "{api_key: secret,", "{api_key: text,",
        "acme/spoke.yaml:4:8: auth.bearer: the setting api_key is shown in clear text; write `api_key: secret`",
    ),
    "a setting that nobody uses": (
        "hook_secret: secret}", "hook_secret: secret, region: text}",
        "acme/spoke.yaml:3:50: settings.region: nobody uses this setting; name it in auth, a path or webhooks, or remove it",
    ),
    "a setting that every spoke has": (
        "hook_secret: secret}", "hook_secret: secret, url: text}",
        "acme/spoke.yaml:3:50: settings.url: every spoke has this already; choose another name",
    ),
    "a signed time that is not sent": (
        "{bearer: api_key}", "{hmac: {secret: api_key, header: X-Sig, sign: [timestamp, body]}}",
        "acme/spoke.yaml:4:8: auth.hmac: signs the time and sends it, or neither: `timestamp` belongs in `sign`, and `timestamp: {header: …}` beside it",
    ),
    "an unknown part to sign": (
        "{bearer: api_key}", "{hmac: {secret: api_key, header: X-Sig, sign: [methid]}}",
        "acme/spoke.yaml:4:54: auth.hmac.sign.0: must be 'method', 'host', 'path', 'query', 'target', 'timestamp', 'body' or 'body_sha256'; did you mean 'method'?",
    ),
    "a row of errors that fits everything": (
        "streams:", "errors: [{means: permanent}]\nstreams:",
        "acme/spoke.yaml:5:10: errors.0: needs `status`, or `at`: otherwise it would match every answer",
    ),
    "an error that is none of ours": (
        "streams:", "errors: [{status: 420, means: ratelimited}]\nstreams:",
        "acme/spoke.yaml:5:24: errors.0.means: must be 'transient', 'rate_limited', 'auth_failed', 'conflict', 'cursor_lost', 'permanent' or 'not_found'; did you mean 'rate_limited'?",
    ),
    "an unknown scheme": (
        "scheme: github", "scheme: githab",
        "acme/spoke.yaml:19:3: webhooks.scheme: must be 'standard', 'svix', 'github', 'stripe', 'shopify', 'slack', 'woocommerce' or 'static'; did you mean 'github'?",
    ),
    "a static secret that stands nowhere": (
        "scheme: github", "scheme: static",
        "acme/spoke.yaml:19:3: webhooks.scheme: static needs `header` or `query`: where their secret is",
    ),
    "what a scheme fixes": (
        "scheme: github", "scheme: slack\n  encoding: base64",
        "acme/spoke.yaml:20:3: webhooks.encoding: slack fixes this; it is for github, shopify, woocommerce",
    ),
    "events without names": (
        "  event: type\n", "",
        "acme/spoke.yaml:21:3: webhooks.events: say with `event` where an event's name stands, or call it '*'",
    ),
    "an event of no stream": (
        "{stream: work_orders, id: data.id}", "{stream: workorders, id: data.id}",
        "acme/spoke.yaml:23:26: webhooks.events.work_order.changed.stream: there is no such stream; did you mean 'work_orders'?",
    ),
    "a hint that nobody can follow": (
        "    fetch: /work_orders/{id}\n", "",
        "acme/spoke.yaml:22:5: webhooks.events.work_order.changed: tells an id only, and work_orders has no `fetch`; add it, or use `record`",
    ),
    "an event that names no record": (
        "{stream: work_orders, id: data.id}", "{stream: work_orders}",
        "acme/spoke.yaml:23:5: webhooks.events.work_order.changed: needs `id` (where the id stands) or `record` (where the record does)",
    ),
    "a star in the middle": (
        "work_order.changed:", "'work*.changed':",
        "acme/spoke.yaml:23:5: webhooks.events.work*.changed: a * stands at the end of a name only: order.*",
    ),
    "a handshake without its token": (
        "  event: type\n", "  event: type\n  handshake: meta\n",
        "acme/spoke.yaml:22:3: webhooks.handshake: kind: meta needs `token`, a setting; the others have none",
    ),
    "text where a mapping belongs": (
        "{bearer: api_key}", "bearer",
        "acme/spoke.yaml:4:1: auth: must be a mapping with header, basic, bearer, oauth2, hmac",
    ),
    "a number where text belongs": (
        "    path: /work_orders\n", "    path: 7\n",
        "acme/spoke.yaml:9:5: streams.work_orders.path: must be a valid string",
    ),
    "a yes that is text": (
        "gone: true", "gone: yes",
        "acme/spoke.yaml:24:60: webhooks.events.work_order.deleted.gone: must be a valid boolean",
    ),
}  # fmt: skip
"""By name: what is replaced in `ACME`, by what, and all that is said of it."""


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_with_its_place_and_what_to_write(name: str) -> None:
    before, after, said = FAULTS[name]
    assert before in ACME
    with pytest.raises(BadSpoke) as caught:
        load(ACME.replace(before, after, 1))
    assert list(caught.value.faults) == [said]


def test_the_file_that_they_are_made_from_has_none() -> None:
    assert load(ACME).streams[0].name == "work_orders"


def test_all_faults_are_told_at_once_and_in_order() -> None:
    text = ACME.replace("records:", "recods:").replace("bearer: api_key", "bearer: api_kay")
    text = text.replace("scheme: github", "scheme: githab").replace("about:", "rate: often\nabout:")
    with pytest.raises(BadSpoke) as caught:
        load(text)
    assert [fault.split(": ")[1] for fault in caught.value.faults] == [
        "rate", "auth.bearer", "streams.work_orders.recods", "webhooks.scheme",
    ]  # fmt: skip


def test_a_spoke_is_called_like_its_folder(tmp_path: Path) -> None:
    file = tmp_path / "ocme" / "spoke.yaml"
    file.parent.mkdir()
    file.write_text(ACME)
    with pytest.raises(BadSpoke) as caught:
        rest.load(file)
    assert str(caught.value) == (
        "ocme/spoke.yaml:1:1: spoke: is 'acme', but its folder is called ocme"
    )


def test_a_complete_spoke_takes_about_25_lines() -> None:
    assert len(ACME.splitlines()) <= 25
    kind = load(ACME)
    assert [base.__name__ for base in kind.__mro__ if base.__module__ == "hub.spoke"] == [
        "Spoke", "Pulls", "Fetches", "Receives", "Writes",
    ]  # fmt: skip
