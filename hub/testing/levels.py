"""How far a spoke has come: bronze, silver or gold, computed from the rules that it keeps.

bronze   right on a good day: it reads, writes and understands what the vendor says
silver   right on a bad day: faults, expiry, late rows, forgers, hosts and secrets cost nothing
gold     right in both directions, over time, beside a whole hub; nothing that applies is unproven
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

Outcome = Literal["pass", "fail", "not applicable", "not proven"]


class Level(IntEnum):
    """A level holds only with those below it."""

    NONE = 0
    BRONZE = 1
    SILVER = 2
    GOLD = 3

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a rule ended for a spoke. `why` is empty for a rule that it keeps."""

    rule: str
    outcome: Outcome
    why: str = ""

    @property
    def level(self) -> Level:
        """The level that needs this rule."""
        return LEVELS[self.rule]


_NEEDS: Mapping[Level, tuple[str, ...]] = {
    Level.BRONZE: (
        "is_described_and_has_streams",
        "every_stream_and_capability_has_an_example",
        "its_mappings_keep_their_examples",
        "rejects_unknown_settings",
        "construction_talks_to_nobody",
        "replays_the_recorded_pull",
        "pulls_every_change_once",
        "pulls_oldest_first",
        "resumes_after_any_page",
        "pulls_what_changed_since_a_moment",
        "fetches_no_page_before_it_is_wanted",
        "tells_of_deletions",
        "replays_the_recorded_fetch",
        "fetches_every_id_however_many",
        "fetches_what_is_gone_as_none",
        "fetch_and_pull_agree",
        "accepts_the_recorded_webhook",
        "parses_what_it_was_told",
        "parsing_needs_nobody",
        "ignores_events_it_does_not_know",
        "webhook_and_pull_name_records_alike",
        "replays_the_recorded_writes",
        "creates_updates_and_deletes",
        "carries_any_text_unharmed",
        "writes_many_in_order",
        "carries_files_byte_for_byte",
        "carries_files_under_odd_names",
        "opens_no_file_that_is_missing",
        "counts_what_a_pull_brings",
        "counts_what_changed_since_a_moment",
    ),
    Level.SILVER: (
        "shows_its_secrets_nowhere",
        "takes_only_safe_addresses",
        "takes_no_foreign_host",
        "follows_no_link_to_another_host",
        "raises_our_errors",
        "passes_on_how_long_to_wait",
        "finds_an_error_inside_a_200",
        "a_dead_network_is_transient",
        "an_answer_cut_short_is_transient",
        "an_html_page_is_no_data",
        "loses_no_tie",
        "finds_a_row_committed_late",
        "keeps_up_with_updates_while_paging",
        "goes_on_when_its_token_expires_between_pages",
        "raises_cursor_lost_for_a_cursor_that_nobody_made",
        "raises_cursor_lost_when_theirs_expires",
        "tells_of_what_comes_back",
        "tells_of_a_merge",
        "takes_no_half_answer_for_a_whole_one",
        "a_listing_leaves_nothing_out",
        "refuses_a_forged_webhook",
        "accepts_both_secrets_while_they_rotate",
        "names_a_delivery_the_same_on_every_repetition",
        "repeats_a_write_without_a_second_record",
        "makes_one_record_though_the_connection_breaks",
        "one_that_fails_leaves_the_others",
        "repeats_a_batch_without_a_second_record",
        "attaches_once_though_the_connection_breaks",
        "holds_no_file_whole",
        "takes_no_half_of_a_file_for_the_whole",
        "takes_files_from_nowhere_else",
        "recalls_a_creation_whose_answer_was_lost",
        "recalls_only_what_is_ours",
        "recalls_only_what_says_the_same",
        "recalls_nothing_that_its_key_finds",
        "ends_with_the_same_records",
    ),
    Level.GOLD: (
        "overwrites_nothing_that_it_has_not_seen",
        "a_conflict_leaves_the_others",
        "writes_nothing_twice",
        "webhooks_may_come_twice_late_and_in_any_order",
        "subscribes_once_however_often_it_is_asked",
        "renews_a_subscription_before_it_ends",
        "subscribes_again_when_a_subscription_has_ended",
        "subscribes_again_when_they_forget",
    ),
}
LEVELS: Mapping[str, Level] = {rule: level for level, rules in _NEEDS.items() for rule in rules}
"""The level that each rule belongs to."""


def reached(verdicts: Iterable[Verdict], *, both_ways: bool) -> Level:
    """The highest level whose rules, and those below, are all kept or not applicable.

    `both_ways`: the spoke writes, or is told of changes; gold needs one of them.
    """
    short = {v.level for v in verdicts if v.outcome in {"fail", "not proven"}}
    levels = [level for level in Level if level is not Level.NONE]
    held = Level.NONE
    for level in levels:
        if level in short or (level is Level.GOLD and not both_ways):
            break
        held = level
    return held
