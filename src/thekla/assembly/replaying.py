"""Another strategy on the answers of a recorded run, kept in the new run, so that it stands for itself."""

from __future__ import annotations

from pathlib import Path

from thekla.assembly.options import RunOptions
from thekla.assembly.places import folder
from thekla.assembly.records import answers_in, copy_evaluations, write_answers
from thekla.assembly.sessions import RunResult, run
from thekla.core.errors import ConfigError
from thekla.core.journal import Started, payload_of
from thekla.engine import Observer
from thekla.storage import RunFile

__all__ = ["replay"]


def replay(
    source: str,
    *,
    strategy: str,
    evaluations: int | None,
    seed: int | None,
    elsewhere: bool,
    runs: Path | None,
    workers: int,
    observer: Observer,
) -> RunResult:
    """A new run of another strategy whose generator gives the answers of a recorded run; no model is asked.

    Scores that the recorded run computed are taken over, so what it evaluated is not evaluated again.

    Args:
        evaluations, seed: None takes those of the recorded run.
        elsewhere: Whether a program may be answered by what was made of another, where the record has nothing else.

    Raises:
        ConfigError: There is no such run or strategy, or the run recorded no answer.
    """
    with RunFile.open(folder(runs).find(source), read_only=True) as recorded:
        started = _started(recorded)
        answers = answers_in(recorded)
        if not any(answer.program is not None for answer in answers):
            raise ConfigError(f"run {recorded.run_id} recorded no answer with a program, so there is nothing to replay")
        options = _options(started, recorded.run_id, strategy, evaluations, seed, elsewhere=elsewhere, workers=workers)

        def prepare(store: RunFile) -> None:
            write_answers(store, answers)
            copy_evaluations(recorded, store)

        return run(options, runs=runs, observer=observer, prepare=prepare)


def _started(store: RunFile) -> Started:
    first = next(iter(store.events(store.run_id)), None)
    started = payload_of(first) if first is not None else None
    if not isinstance(started, Started):
        raise ConfigError(f"run {store.run_id} has no event, so there is nothing to replay")
    return started


def _options(
    started: Started,
    source: str,
    strategy: str,
    evaluations: int | None,
    seed: int | None,
    *,
    elsewhere: bool,
    workers: int,
) -> RunOptions:
    """The recorded run's options with another strategy and its answers."""
    generator = {"source": source, "elsewhere": "give" if elsewhere else "refuse"}
    return RunOptions.model_validate(
        {
            "problem": started.problem.name,
            "suite": started.problem.suite,
            "strategy": strategy,
            "generator": "replay",
            "evaluations": evaluations or started.budget.evaluations,
            "proposals": started.budget.proposals,
            "seed": started.seed if seed is None else seed,
            "workers": workers,
            "sandbox": started.tier,
            "arguments": {"problem": dict(started.problem.arguments), "generator": generator},
        }
    )
