"""The benches run, on amounts that give no figures: nothing here asserts on time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.mapping import check_examples, load
from hub.store import entities
from tests.bench import __main__ as program
from tests.bench import cases, scene
from tests.bench.goals import At, Bench, Faster, Goal, Growth, Round, Side, Size, Worst, median
from tests.bench.postgres import Server
from tests.bench.rounds import Stage, play
from tests.postgres import Server as RealServer

SIDES = {
    side.run: side
    for bench in program.benches(Size.TINY)
    for side in bench.sides.values()
    if not side.needs
}


@pytest.fixture(scope="module")
def stage(postgres: RealServer) -> Iterator[Stage]:
    with Stage(print, server=Server(postgres), run=scene.play) as opened:
        yield opened


@pytest.mark.parametrize("run", SIDES)
def test_every_run_of_ours_does_its_work(stage: Stage, run: str) -> None:
    sections = stage.play(SIDES[run])
    assert all(value >= 0 for figures in sections.values() for value in figures.values())


def test_a_bench_answers_its_goals(stage: Stage) -> None:
    (bench,) = (one for one in program.benches(Size.TINY) if one.name == "mapping.decode")
    outcome = play(stage, bench, bench.goals, rounds=2)
    assert (len(outcome.rounds), list(outcome.answered)) == (2, list(bench.goals))
    assert median(bench.goals[0], outcome.rounds) > 0


@pytest.mark.parametrize("stream", ["Account", "Case"])
def test_the_mappings_that_are_measured_do_what_their_examples_say(stream: str) -> None:
    file = cases.MAPPINGS / f"{stream}.yaml"
    (mapping,) = load(file, shape_of=lambda name: entities.find(name).shape)
    assert not list(check_examples(mapping))


def test_the_program_writes_what_it_has_measured(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    assert program.main(["mapping.inward", "--quick", "--rounds", "1", "--out", str(out)]) == 0
    found = json.loads(out.read_text())
    assert list(found["ratios"]) == ["mapping.inward.vs_hand"]
    assert found["where"]["cpus"] > 0
    assert found["where"]["packages"]["psycopg"]


def test_a_key_that_nobody_knows_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["sync.fast"]) == 2
    assert "sync.fast" in capsys.readouterr().err


def test_a_key_is_in_the_report_of_exactly_one_bench() -> None:
    keys = [goal.key for bench in program.benches(Size.FULL) for goal in bench.goals]
    assert len(keys) == len(set(keys)) == 22


def test_a_goal_of_an_absent_peer_is_named_and_left_out() -> None:
    side = Side("nowhere:nothing", needs=("no_such_module",))
    goal = Goal("a.b", Faster([(At("x", "s"), At("x", "s"))]), at_least=1)
    with Stage(print) as stage:
        outcome = play(stage, Bench("a", {"x": side}, [goal]), [goal], rounds=1)
    assert outcome.missing == {"a.b": ("no_such_module",)}
    assert (outcome.answered, outcome.rounds) == ([], [])


def test_a_run_that_fails_is_told_and_costs_the_others_nothing() -> None:
    side, told = Side("tests.bench.mapping:no_such_run"), list[str]()
    goal = Goal("a.b", Worst("ms", [At("x", "s")]), at_most=1)
    with Stage(told.append) as stage:
        outcome = play(stage, Bench("a", {"x": side}, [goal]), [goal], rounds=1)
    assert "no_such_run" in outcome.failed
    assert "no_such_run" in told[0]


ROUND: Round = {
    "ours": {"s": {"records": 100, "cpu_s": 1, "wall_s": 4, "ms": 6}},
    "theirs": {"s": {"records": 100, "cpu_s": 3, "wall_s": 2, "ms": 2}},
}
OURS, THEIRS = At("ours", "s"), At("theirs", "s")


def test_who_needs_a_third_of_the_time_is_three_times_as_fast() -> None:
    faster = Faster([(OURS, THEIRS)])
    assert (faster.value(ROUND), faster.other(ROUND)) == (3, 0.5)


def test_of_several_pairs_the_worst_counts() -> None:
    assert Faster([(OURS, THEIRS), (THEIRS, OURS)]).value(ROUND) == pytest.approx(1 / 3)
    assert Growth("ms", [(OURS, THEIRS), (THEIRS, OURS)]).value(ROUND) == 3
    assert Worst("ms", [OURS, THEIRS]).value(ROUND) == 6


def test_the_median_of_the_rounds_counts() -> None:
    slow: Round = {**ROUND, "ours": {"s": {**ROUND["ours"]["s"], "ms": 60}}}
    goal = Goal("a", Worst("ms", [OURS]), at_most=10)
    assert median(goal, [slow, ROUND, ROUND]) == 6
    assert goal.met(6)
    assert not goal.met(60)
