"""What a vendor's sandbox is: a strict, stateful simulator behind real loopback HTTP.

    class AcmeSandbox(Sandbox):
        name = "acme"
        def answer(self, request): ...      # the vendor's API
        def mutate(self, command): ...      # what a user does in the vendor's UI
        def settings(self): ...             # how a connection reaches it

    with serve(AcmeSandbox()) as acme:
        spoke = Acme(**acme.settings())

`/__sim/{clock,faults,journal,mutate,emit}` steer it from outside; GET `/__sim/` explains them.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from hub.testing.clock import Clock
from hub.testing.faults import Faults
from hub.testing.host import listen
from hub.testing.journal import Journal
from hub.testing.sender import SentHook, deliver
from hub.testing.site import Site
from hub.testing.wire import Answer, BadCommand, Request

JsonObject = dict[str, Any]


class Sandbox(ABC):
    """One vendor's system, as strict as the real one: what it does not know, it refuses.

    `answer` and the control path's `mutate` run in threads, one at a time, under `lock`; whoever
    calls `mutate` from elsewhere while requests are under way takes `lock` too.
    """

    name: ClassVar[str]
    tls: ClassVar[bool] = False
    max_body: ClassVar[int] = 16 * 1024 * 1024

    def __init__(self, *, seed: Path | None = None) -> None:
        """`seed` is a folder of records to begin with, in the vendor's own format."""
        self.seed = seed
        self.clock = Clock()
        self.faults = Faults()
        self.journal = Journal()
        self.lock = threading.RLock()
        self.url = ""
        self.ca_file: Path | None = None
        self.hooks_to = ""
        """Where `emit` sends to, unless the command says otherwise."""
        self.page_size: int | None = None
        """If set, no list answer holds more records than this, whatever the request asks for."""

    @abstractmethod
    def answer(self, request: Request) -> Answer:
        """The vendor's API: its real error for what it would refuse, never a lenient 200."""

    @abstractmethod
    def mutate(self, command: JsonObject) -> Any:
        """Do what a user does in the vendor's own screens; a sandbox may know more than this.

        Every sandbox understands these (the conformance kit sends them):

        {"do": "create", "stream": S, "data": {...}}             → the new record's external id
        {"do": "update", "stream": S, "id": I, "data": {...}}    → the id
        {"do": "delete", "stream": S, "id": I}                   → the id
        {"do": "list",   "stream": S}                            → the ids that the API shows,
                                                                   deleted ones left out
        {"do": "expire_tokens"}     every access token given so far is refused from now on (the
                                    refresh token or the client's own credentials stay good);
                                    a vendor whose tokens never expire does nothing

        ... and these, where the vendor has them:

        {"do": "undelete", "stream": S, "id": I}              take it out of the vendor's bin
        {"do": "merge", "stream": S, "id": I, "into": J}      I is deleted, J has what it had
        {"do": "expire_cursors"}         every cursor that they have given so far is void
        {"do": "forget_subscriptions"}   nobody is told of anything until they subscribe again

        `data` holds the vendor's own fields, all of a create's or those to change. A create,
        update or delete may carry "at" (ISO time: the record's modification stamp, instead of
        the clock's now) and "visible_at" (ISO time: the API does not show the change before the
        clock reaches it, as with a transaction that commits late). A create may carry "id".
        Raise `BadCommand` for anything else, and for an unknown stream or id.
        """

    def webhooks(self, command: JsonObject) -> Sequence[SentHook]:
        """The signed webhooks which the vendor would send for a command, sent to nobody.

        {"stream": S, "id": I}   "this record changed", plus what the vendor adds ("topic" ...).
        "secret": sign with this one instead of the connection's. Every call is a new event.
        """
        raise BadCommand(f"{self.name} sends no webhooks (asked for {command!r})")

    def emit(self, command: JsonObject) -> Any:
        """Send webhooks: `webhooks(command)` to "to", or else to `hooks_to`; → the answered statuses.

        "twice": true     each is delivered twice, the same in every byte
        "reverse": true   several arrive newest first
        "forge"           "body" (a byte is added), "signature" (left out), "doubled" (the
                          signature header comes twice), "secret" (signed with a wrong one)
        A status of 0 stands for no answer at all. A vendor that retries overrides this.
        """
        to = str(command.get("to") or self.hooks_to)
        if not to:
            raise BadCommand('nobody subscribed: say "to": "http://127.0.0.1:.../hooks/..."')
        return deliver(self.webhooks, command, to)

    @abstractmethod
    def settings(self) -> JsonObject:
        """The settings of a connection to this sandbox; valid once served.

        `url`, `sandbox: true`, `ca_file` when there is one, and the secrets in plain text.
        """


Served = TypeVar("Served", bound=Sandbox)


@contextmanager
def serve(sandbox: Served, port: int = 0) -> Iterator[Served]:
    """Serve on 127.0.0.1 while the context lasts; raises `PortTaken`. Port 0 takes a free one."""
    site = Site(sandbox)
    with listen(site, port, tls=sandbox.tls) as address:
        sandbox.url, sandbox.ca_file = address.url, address.ca_file
        try:
            yield sandbox
        finally:
            site.close()


__all__ = ["Answer", "BadCommand", "JsonObject", "Request", "Sandbox", "serve"]
