"""What looking for a lost creation owes: ours, the same, the oldest first, and nothing else."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hub.abilities import Recalls
from hub.errors import Transient
from hub.spoke import Write
from hub.testing.conformance.reasons import needs, not_applicable
from hub.testing.example import RecallExample
from hub.testing.faults import Fault
from hub.testing.stage import Stage, Subject, recalls, writes
from hub.testing.stage import key as sys_id

ODD_TEXTS = (
    """it's "quoted" and \\ escaped""", "100% of a_b, *any* and ?", "<b>&amp; %00 {x} ; -- 漢字 🧰",
)  # fmt: skip
WILDCARDS = str.maketrans({"%": "x", "_": "x", "*": "x", "?": "x"})


class Recalling:
    @needs(Recalls)
    def test_recalls_a_creation_whose_answer_was_lost(self, stage: Stage) -> None:
        """What was created before the connection broke is found; of two alike, the older comes first."""
        told, data = _told(stage.subject), _data(stage)
        requests = _requests_to_create(stage)
        before = set(stage.ids(told.stream))
        stage.sandbox.faults.add(Fault(skip=requests - 1, drop="after"))
        with suppress(Transient):
            _created(stage, data, "key-1")
        stage.sandbox.faults.clear()
        made = set(stage.ids(told.stream)) - before
        found = _recalled(stage, data, "key-1")
        assert set(found) == made, f"{made} was created, and {found} recalled"
        stage.settle()
        again = _created(stage, data, "key-2")
        stage.settle()
        assert _recalled(stage, data, "key-2") == [*found, again], "not the oldest first"

    @needs(Recalls)
    def test_recalls_only_what_is_ours(self, stage: Stage) -> None:
        """What somebody else created is not recalled, though it says the same."""
        told, data = _told(stage.subject), _data(stage)
        theirs = stage.create(told.stream, data | told.theirs)
        ours = _created(stage, data, "key-1")
        found = _recalled(stage, data, "key-1")
        assert theirs not in found, "somebody else created that"
        assert found == [ours]

    @needs(Recalls)
    def test_recalls_only_what_says_the_same(self, stage: Stage) -> None:
        """Quotes and wildcards in a text are text, and what merely looks like it is not recalled."""
        told = _told(stage.subject)
        for number, odd in enumerate(ODD_TEXTS):
            data = _data(stage) | {told.text: odd}
            _created(
                stage, data | {told.text: odd.translate(WILDCARDS) + " else"}, f"like-{number}"
            )
            _created(stage, data | {told.text: odd.translate(WILDCARDS)}, f"so-{number}")
            id = _created(stage, data, f"key-{number}")
            found = [one for one in _recalled(stage, data, f"key-{number}") if one != id]
            assert id in _recalled(stage, data, f"key-{number}"), f"not found: {odd}"
            assert found == [] or odd == odd.translate(WILDCARDS), f"not the same as: {odd}"

    @needs(Recalls)
    def test_recalls_nothing_that_its_key_finds(self, stage: Stage) -> None:
        """Where a creation is repeatable by its key, nothing is looked for."""
        written = stage.subject.example.write
        if written is None:
            not_applicable(f"{stage.subject} writes nothing by key")
        stream = stage.subject.stream(written.stream)
        write = Write(None, stage.sample(written.data), sys_id("key-1"))
        stage.patiently(lambda: writes(stage.spoke()).upsert(stream, write))
        assert list(stage.patiently(lambda: recalls(stage.spoke()).recall(stream, write))) == []


def _told(subject: Subject) -> RecallExample:
    assert subject.example.recall, "example.yaml records no recall"
    return subject.example.recall


def _data(stage: Stage) -> dict[str, Any]:
    return stage.sample(_told(stage.subject).data)


def _created(stage: Stage, data: dict[str, Any], key: str) -> str:
    stream = stage.subject.stream(_told(stage.subject).stream)
    return stage.patiently(
        lambda: writes(stage.spoke()).upsert(stream, Write(None, data, sys_id(key))).id
    )


def _recalled(stage: Stage, data: dict[str, Any], key: str) -> list[str]:
    stream = stage.subject.stream(_told(stage.subject).stream)
    write = Write(None, data, sys_id(key))
    return list(stage.patiently(lambda: recalls(stage.spoke()).recall(stream, write)))


def _requests_to_create(stage: Stage) -> int:
    _created(stage, _data(stage), "key-a")  # signs in
    stage.sandbox.journal.clear()
    _created(stage, _data(stage), "key-b")
    return len(stage.sandbox.journal)
