"""Spokes in YAML for tests: a complete one in 25 lines, and others made from text."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

from hub import marked, rest
from hub.rest.document import declared
from hub.spoke import Spoke

ACME = """\
spoke: acme
about: Work orders come in by poll and webhook; changes to them go out.
settings: {api_key: secret, hook_secret: secret}
auth: {bearer: api_key}
streams:
  work_orders:
    id: id
    version: changed
    path: /work_orders
    records: items
    pages: {by: cursor, parameter: after, next: next}
    since: changed_since
    fetch: /work_orders/{id}
    create: POST /work_orders
    update: PATCH /work_orders/{id}
    delete: DELETE /work_orders/{id}
    idempotency_key: Idempotency-Key
webhooks:
  scheme: github
  secrets: [hook_secret]
  event: type
  events:
    work_order.changed: {stream: work_orders, id: data.id}
    work_order.deleted: {stream: work_orders, id: data.id, gone: true}
"""
"""A complete poll, webhook and write-back spoke."""

FILE = "acme/spoke.yaml"


def load(text: str) -> type[Spoke]:
    """The spoke class of a YAML text; raises `BadSpoke`, or `BadYaml`."""
    return rest.spoke_of(declared(marked.parse(dedent(text), FILE), FILE))


def spoke(text: str, url: str = "https://api.acme.example", **settings: Any) -> Any:
    """A connection of it; `settings` beside the two that Acme needs."""
    given = {"api_key": "key-1", "hook_secret": "hook-1", **settings}
    kind = load(text)
    known = {name: value for name, value in given.items() if name in kind.model_fields}
    return kind.model_validate({"url": url, "sandbox": url.startswith("http://127."), **known})
