"""Another strategy on a recorded run's answers: nothing new is made, and nothing known is evaluated again."""

from __future__ import annotations

from pathlib import Path

import pytest

from thekla.assembly import Progress, RunOptions, list_runs, replay, resume, run, view
from thekla.core.errors import ConfigError
from thekla.storage import RunFile

pytestmark = pytest.mark.usefixtures("evaluated_here")

OPTIONS = RunOptions(
    problem="toy", generator="constants", strategy="greedy", evaluations=15, sandbox="trusted", workers=1, seed=3
)


def silent(progress: object) -> None:
    """Hears nothing."""


def programs(name: str, runs: Path) -> set[str | None]:
    return {one.program for one in view(name, runs).candidates}


def evaluated(path: Path) -> int:
    with RunFile.open(path, read_only=True) as store:
        return sum(1 for _ in store.facts("evaluation"))


def test_another_strategy_finds_only_what_was_recorded_and_evaluates_nothing_twice(runs: Path) -> None:
    recorded = run(OPTIONS, runs=runs, observer=silent)
    known = evaluated(recorded.path)
    ended = replay(
        recorded.run_id,
        strategy="random",
        evaluations=10,
        seed=7,
        elsewhere=True,
        runs=runs,
        workers=1,
        observer=silent,
    )
    seen = view(ended.run_id, runs)
    assert programs(ended.run_id, runs) <= programs(recorded.run_id, runs)
    assert seen.ledger.evaluations > 3
    assert seen.settings.components["strategy"].name == "random"
    assert seen.settings.components["generator"].arguments["source"] == recorded.run_id
    # Only the new run's own hold-out, and splits on which another winner is judged, are evaluated.
    assert evaluated(ended.path) - known <= 2 * len(seen.judged)


@pytest.mark.slow
def test_a_replay_that_is_interrupted_is_resumed_without_its_source(runs: Path) -> None:
    recorded = run(OPTIONS, runs=runs, observer=silent)
    options = {"strategy": "random", "evaluations": 10, "seed": 7, "elsewhere": True, "runs": runs, "workers": 1}
    whole = replay(recorded.run_id, **options, observer=silent)  # type: ignore[arg-type]  # named as they are

    class Stopped(Exception):
        """Ends the session."""

    names: list[str] = []

    def stop(progress: Progress) -> None:
        names.append(progress.run_id)
        if progress.evaluations == 4:
            raise Stopped

    with pytest.raises(Stopped):
        replay(recorded.run_id, **options, observer=stop)  # type: ignore[arg-type]  # named as they are
    recorded.path.unlink()
    again = resume(names[-1], runs=runs, workers=1, observer=silent)
    assert view(again.run_id, runs).chain == view(whole.run_id, runs).chain
    assert len(list_runs(runs)) == 2


def test_a_run_without_an_answer_cannot_be_replayed(runs: Path) -> None:
    begun = run(OPTIONS.model_copy(update={"generator": "asktell"}), runs=runs, observer=silent)
    with pytest.raises(ConfigError, match="nothing to replay"):
        replay(
            begun.run_id,
            strategy="random",
            evaluations=None,
            seed=None,
            elsewhere=True,
            runs=runs,
            workers=1,
            observer=silent,
        )
