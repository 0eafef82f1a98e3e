"""Webhooks of Dataverse: a dirty ping that says which row to read again.

The body is a RemoteExecutionContext. Nothing signs it; what proves it genuine is a static secret in
a header (HttpHeader) or in the address (WebhookKey, `?code=`). So nothing in it is believed but
which row it is about, and that row is read anew: it may be long out of date, and above 256 KB the
rest is left out anyway (`x-ms-dynamics-msg-size-exceeded`).
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator

import hub
from spokes.dynamics365.tables import BY_NAME, GUID

CODE = "code"
CHANGES = frozenset(
    {"Create", "Update", "Upsert", "Delete", "Assign", "SetState", "SetStateDynamicEntity", "Merge"}
)
"""Messages after which a row may be another one; reads can have steps, too."""
_NOBODY = "00000000-0000-0000-0000-000000000000"


def verify(hook: hub.Webhook, secrets: Iterable[hub.Secret], header: str) -> None:
    """Raise `Forged` unless the header or `?code=` is one of the secrets, told exactly once."""
    given = hook.headers.get(header.lower()) or hook.query.get(CODE) or ""
    genuine = False
    for secret in secrets:
        genuine |= hmac.compare_digest(secret.get_secret_value().encode(), given.encode())
    if not genuine:
        raise hub.Forged(f"no secret of ours in the header {header} or in ?{CODE}=")
    if not (hook.body.startswith(b"{") and hook.body.endswith(b"}")):
        raise hub.Forged("the body is no JSON object, or something stands around it")


def parse(hook: hub.Webhook) -> Iterator[hub.Hint]:
    """The row to read again; nothing for a table or message that we do not use.

    Raises `Permanent` for a body that is no RemoteExecutionContext. A deletion is a hint like any
    other: reading the row says that it is gone.
    """
    context = hook.json()
    if not isinstance(context, dict):
        raise hub.Permanent("webhook body is no RemoteExecutionContext: not a JSON object")
    table = BY_NAME.get(str(context.get("PrimaryEntityName")))
    id = str(context.get("PrimaryEntityId"))
    # Of CreateMultiple and the like no single row is the primary one: the next poll has them.
    if table is None or context.get("MessageName") not in CHANGES or id == _NOBODY:
        return
    if GUID.fullmatch(id) is None:
        raise hub.Permanent(f"webhook about {table.name}: PrimaryEntityId is no GUID: {id[:100]!r}")
    yield hub.Hint(table.set, id.lower())
