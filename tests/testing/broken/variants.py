"""Acme as careless authors would write it: each class has one fault, and names the rules it breaks."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import ClassVar
from urllib.parse import urlencode

import orjson
from pydantic import ConfigDict

import hub
from hub.http import Client
from tests.testing.broken.acme import Acme, _change


class BreaksTies(Acme):
    """Resumes after the second of the last record instead of after the record."""

    breaks: ClassVar = {"loses_no_tie"}

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        for page in super().pull(stream, cursor):
            place = orjson.loads(page.cursor)
            yield hub.Page(page.changes, orjson.dumps(place | {"id": "~"}).decode())


class BeginsAnywhere(Acme):
    """Takes the beginning of all time for the moment that it is asked for."""

    breaks: ClassVar = {"pulls_what_changed_since_a_moment"}

    def since(self, stream: hub.Stream, moment: datetime) -> hub.Cursor:
        del stream
        return hub.Keyset.since(moment - timedelta(days=900))


class ForgetsLateRows(Acme):
    """Reads up to this very moment, and never looks back."""

    breaks: ClassVar = {"finds_a_row_committed_late", "replays_the_recorded_pull"}

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        keys = hub.Keyset(horizon=timedelta(0), overlap=timedelta(0))
        return self.keyset(cursor, lambda window: self._read(stream, window), keys)


class ReadsEverythingFirst(Acme):
    """Fetches all pages before it hands out the first."""

    breaks: ClassVar = {"fetches_no_page_before_it_is_wanted"}

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        return iter(list(super().pull(stream, cursor)))


class MovesTheCursorTooSoon(Acme):
    """Gives each page the cursor of the next one."""

    breaks: ClassVar = {"resumes_after_any_page", "loses_no_tie"}

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        pages = super().pull(stream, cursor)
        page = next(pages)
        for following in pages:
            yield hub.Page(page.changes, following.cursor)
            page = following
        yield page


class StartsOverWhenLost(Acme):
    """Takes a cursor that it cannot read for none."""

    breaks: ClassVar = {"raises_cursor_lost_for_a_cursor_that_nobody_made"}

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        return super().pull(stream, cursor if cursor and cursor.startswith("{") else None)


class DropsDeletions(Acme):
    """Leaves deleted records out."""

    breaks: ClassVar = {"tells_of_a_merge", "tells_of_deletions", "replays_the_recorded_pull"}

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        for page in super().pull(stream, cursor):
            yield hub.Page([c for c in page.changes if c.data is not None], page.cursor)


class FollowsForeignLinks(Acme):
    """Opens a client of its own for wherever the next link leads."""

    breaks: ClassVar = {"follows_no_link_to_another_host"}

    def _read(self, stream: hub.Stream, window: hub.Window) -> Iterator[Sequence[hub.Change]]:
        pages = super()._read(stream, window)
        try:
            yield from pages
        except hub.Permanent as refusal:
            if "refused to follow" not in str(refusal):
                raise
            elsewhere = Client("https://elsewhere.example", transport=self._transport)
            page = elsewhere.get("/work_orders", params={"page": "2"}).json()
            yield [_change(stream, record) for record in page["items"]]


class FetchesOnlyWhatExists(Acme):
    """Says nothing of ids that are gone."""

    breaks: ClassVar = {"fetches_what_is_gone_as_none", "replays_the_recorded_fetch"}

    def fetch(self, stream: hub.Stream, ids: Sequence[str]) -> Iterator[hub.Change]:
        return (change for change in super().fetch(stream, ids) if change.data is not None)


class FetchesTheFirstFifty(Acme):
    """Forgets that the vendor takes fifty ids at a time."""

    breaks: ClassVar = {"fetches_every_id_however_many"}

    def fetch(self, stream: hub.Stream, ids: Sequence[str]) -> Iterator[hub.Change]:
        return super().fetch(stream, ids[:50])


class BelievesAnyone(Acme):
    """Accepts every webhook."""

    breaks: ClassVar = {"webhooks_may_come_twice_late_and_in_any_order", "refuses_a_forged_webhook"}

    def verify(self, hook: hub.Webhook) -> None:
        del hook


class SignsTheParsedBody(Acme):
    """Compares the signature with that of the body as it would write it itself."""

    breaks: ClassVar = {"webhooks_may_come_twice_late_and_in_any_order", "refuses_a_forged_webhook"}

    def verify(self, hook: hub.Webhook) -> None:
        super().verify(hub.Webhook(hook.headers, orjson.dumps(orjson.loads(hook.body))))


class TakesTheFirstOfTwoSignatures(Acme):
    """Reads a doubled header as if it stood there once."""

    breaks: ClassVar = {"refuses_a_forged_webhook"}

    def verify(self, hook: hub.Webhook) -> None:
        headers = {name: value.partition("\n")[0] for name, value in hook.headers.items()}
        super().verify(hub.Webhook(headers, hook.body))


class KnowsOneSecret(Acme):
    """Forgets the older secret during a rotation."""

    breaks: ClassVar = {"accepts_both_secrets_while_they_rotate"}

    def verify(self, hook: hub.Webhook) -> None:
        secret = self.hook_secret.get_secret_value().encode()
        digest = hmac.new(secret, hook.body, hashlib.sha256).hexdigest()
        given = hook.headers.get("x-acme-signature", "")
        if not hmac.compare_digest(digest.encode(), given.encode()):
            raise hub.Forged("bad or missing signature in x-acme-signature")


class FetchesWhileParsing(Acme):
    """Asks the vendor before it says what a webhook means."""

    breaks: ClassVar = {"parsing_needs_nobody", "parses_what_it_was_told"}

    def parse(self, hook: hub.Webhook) -> Iterable[hub.Change | hub.Hint]:
        for hint in super().parse(hook):
            yield from self.fetch(hub.Stream(hint.stream), [hint.id])


class TripsOverUnknownEvents(Acme):
    """Reads every event as if it were the one it knows."""

    breaks: ClassVar = {"ignores_events_it_does_not_know"}

    def parse(self, hook: hub.Webhook) -> Iterable[hub.Change | hub.Hint]:
        event = hook.json()
        return [hub.Hint(event["stream"], event["id"])]


class NamesDeliveriesByRecord(Acme):
    """Takes the second event of a record for a repetition of the first."""

    breaks: ClassVar = {"names_a_delivery_the_same_on_every_repetition"}

    def delivery(self, hook: hub.Webhook) -> str:
        return str(hook.json()["id"])


class CreatesTwice(Acme):
    """Creates without the key."""

    breaks: ClassVar = {
        "repeats_a_write_without_a_second_record",
        "makes_one_record_though_the_connection_breaks",
        "replays_the_recorded_writes",
    }

    def upsert(self, stream: hub.Stream, write: hub.Write) -> hub.Receipt:
        if write.id:
            return super().upsert(stream, write)
        record = self.http.post(f"/{stream.name}", json=write.data).json()
        return hub.Receipt(record["id"], record["changed"])


class OverwritesBlindly(Acme):
    """Ignores that the record changed since we saw it."""

    breaks: ClassVar = {"overwrites_nothing_that_it_has_not_seen"}

    def upsert(self, stream: hub.Stream, write: hub.Write) -> hub.Receipt:
        return super().upsert(stream, hub.Write(write.id, write.data, write.key))


class SwallowsRateLimits(Acme):
    """Takes a 429 for the end of the list."""

    breaks: ClassVar = {"passes_on_how_long_to_wait"}

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        try:
            yield from super().pull(stream, cursor)
        except hub.RateLimited:
            return


class CallsEverythingPermanent(Acme):
    """Gives up on what would pass."""

    breaks: ClassVar = {
        "ends_with_the_same_records",
        "writes_nothing_twice",
        "raises_our_errors",
        "an_html_page_is_no_data",
    }

    def translate(self, response: hub.Response) -> hub.SyncError | None:
        return hub.Permanent("Acme is down") if response.status_code >= 500 else None


class TellsItsSecret(Acme):
    """Says in an error with what it signed."""

    breaks: ClassVar = {"shows_its_secrets_nowhere"}

    def translate(self, response: hub.Response) -> hub.SyncError | None:
        if response.status_code != 400:
            return None
        return hub.Permanent(f"Acme refused {self.client_secret.get_secret_value()}")


class TakesAnything(Acme):
    """Ignores settings that it does not know."""

    model_config: ClassVar[ConfigDict] = {"extra": "ignore"}
    breaks: ClassVar = {"rejects_unknown_settings"}


class SignsInAtOnce(Acme):
    """Calls the vendor as soon as it is made."""

    breaks: ClassVar = {
        "construction_talks_to_nobody",
        "replays_the_recorded_pull",
        "replays_the_recorded_fetch",
        "replays_the_recorded_writes",
    }

    def auth(self) -> hub.Auth:
        if self._transport:
            Client(self.url, transport=self._transport).post("/hello", check=False)
        return super().auth()


class TakesAnErrorForAnEmptyList(Acme):
    """Reads what says 200 without looking whether there is a list."""

    breaks: ClassVar = {"finds_an_error_inside_a_200"}

    def _read(self, stream: hub.Stream, window: hub.Window) -> Iterator[Sequence[hub.Change]]:
        since = window.since.isoformat() if window.since else ""
        asked = {"since": since, "after": window.id, "before": window.before.isoformat()}
        link = f"/{stream.name}?{urlencode(asked)}"
        while link:
            page = self.http.get(link).json()
            yield [_change(stream, record) for record in page.get("items", [])]
            link = page.get("next")


class FetchesHalf(Acme):
    """Goes on with the next fifty ids when some cannot be read."""

    breaks: ClassVar = {
        "takes_no_half_answer_for_a_whole_one",
        "a_dead_network_is_transient",
        "an_answer_cut_short_is_transient",
        "an_html_page_is_no_data",
        "raises_our_errors",
    }

    def fetch(self, stream: hub.Stream, ids: Sequence[str]) -> Iterator[hub.Change]:
        for some in (ids[start : start + 50] for start in range(0, len(ids), 50)):
            with suppress(hub.Transient):
                yield from super().fetch(stream, some)


class SpeaksAscii(Acme):
    """Writes only what its author can type."""

    breaks: ClassVar = {"carries_any_text_unharmed"}

    def upsert(self, stream: hub.Stream, write: hub.Write) -> hub.Receipt:
        data = {
            name: value.encode("ascii", "replace").decode() if isinstance(value, str) else value
            for name, value in write.data.items()
        }
        return super().upsert(stream, hub.Write(write.id, data, write.key, write.version))


class ForgetsWhatComesBack(Acme):
    """Leaves out what was taken out of the bin."""

    breaks: ClassVar = {"tells_of_what_comes_back"}

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        for page in super().pull(stream, cursor):
            yield hub.Page(
                [c for c in page.changes if "restored" not in (c.data or {})], page.cursor
            )


class HidesMerges(Acme):
    """Keeps the loser of a merge."""

    breaks: ClassVar = {"tells_of_a_merge"}

    def _read(self, stream: hub.Stream, window: hub.Window) -> Iterator[Sequence[hub.Change]]:
        since = window.since.isoformat() if window.since else ""
        asked = {"since": since, "after": window.id, "before": window.before.isoformat()}
        link = f"/{stream.name}?{urlencode(asked)}"
        while link:
            page = self.http.get(link).json()
            kept = [record for record in page["items"] if "merged_into" not in record]
            yield [_change(stream, record) for record in kept]
            link = page["next"]


class EndsEarly(Acme):
    """Takes a page that cannot be read for the end of the list, and moves on."""

    breaks: ClassVar = {
        "ends_with_the_same_records",
        "a_dead_network_is_transient",
        "an_answer_cut_short_is_transient",
        "an_html_page_is_no_data",
        "raises_our_errors",
    }

    def _read(self, stream: hub.Stream, window: hub.Window) -> Iterator[Sequence[hub.Change]]:
        with suppress(hub.Transient):
            yield from super()._read(stream, window)


class WritesTwiceToBeSure(Acme):
    """Sends every change again, in case the first was lost."""

    breaks: ClassVar = {"replays_the_recorded_writes", "writes_nothing_twice"}

    def upsert(self, stream: hub.Stream, write: hub.Write) -> hub.Receipt:
        receipt = super().upsert(stream, write)
        return super().upsert(stream, hub.Write(receipt.id, write.data, write.key))


class BelievesTheNewestWebhook(Acme):
    """Takes the record out of the webhook, and leaves its version behind."""

    breaks: ClassVar = {"webhooks_may_come_twice_late_and_in_any_order"}

    def parse(self, hook: hub.Webhook) -> Iterable[hub.Change | hub.Hint]:
        event = hook.json()
        if event.get("record"):
            return [hub.Change(event["stream"], event["id"], event["record"])]
        return super().parse(hook)


class StampsBackwards(Acme):
    """Gives versions that do not sort by age."""

    breaks: ClassVar = {
        "ends_with_the_same_records",
        "writes_nothing_twice",
        "pulls_oldest_first",
        "fetch_and_pull_agree",
    }

    def pull(self, stream: hub.Stream, cursor: hub.Cursor | None) -> Iterator[hub.Page]:
        for page in super().pull(stream, cursor):
            yield hub.Page([_counting_down(change) for change in page.changes], page.cursor)


def _counting_down(change: hub.Change) -> hub.Change:
    at = datetime.fromisoformat(change.version)
    return hub.Change(change.stream, change.id, change.data, str(10**11 - int(at.timestamp())))


BROKEN: tuple[type[Acme], ...] = tuple(
    kind
    for kind in list(globals().values())
    if isinstance(kind, type) and issubclass(kind, Acme) and kind is not Acme
)
