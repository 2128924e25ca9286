"""Short trials of models and strategies on a problem, and which of them to take."""

from __future__ import annotations

import contextlib
import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from thekla.analysis.price import price_of_improvement
from thekla.assembly.options import RunOptions
from thekla.assembly.reading import view
from thekla.assembly.sessions import run
from thekla.core.errors import ConfigError
from thekla.core.evaluation import Failed, FailureKind
from thekla.core.progress import Observer, Progress
from thekla.core.run import IMPORT, SEED
from thekla.core.values import Data

__all__ = ["Pilot", "Trial", "pilot"]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One short search.

    Args:
        percent: Improvement over the seed on train; 0 if there was none.
        failed: Share of its proposals that held no program or a failing one.
        cost_usd: None if a call has no known price.
    """

    run_id: str
    model: str
    strategy: str
    seed: int
    evaluations: int
    percent: float
    failed: float
    cost_usd: float | None


@dataclass(frozen=True, kw_only=True)
class Pilot:
    """Trials, and the pair of model and strategy whose median improvement was the largest.

    Args:
        clear: Whether its worst trial beat the best trial of every other pair; else the trials do not decide.
    """

    trials: tuple[Trial, ...]
    model: str
    strategy: str
    clear: bool

    @property
    def data(self) -> dict[str, Data]:
        """All of it as plain data."""
        names = ("run_id", "model", "strategy", "seed", "evaluations", "percent", "failed", "cost_usd")
        trials: list[Data] = [{name: getattr(trial, name) for name in names} for trial in self.trials]
        return {"trials": trials, "model": self.model, "strategy": self.strategy, "clear": self.clear}


class _SearchEndedError(Exception):
    """The search of a trial is over; what would follow is left out."""


class _UntilClosing:
    """An observer that ends a run when its search is over, before anything of validation or hold-out is looked at."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self.run_id = ""

    def __call__(self, progress: Progress) -> None:
        self.run_id = progress.run_id
        if progress.phase != "search":
            raise _SearchEndedError
        self._observer(progress)


def pilot(
    options: RunOptions,
    *,
    models: Sequence[str],
    strategies: Sequence[str],
    repeats: int,
    runs: Path | None,
    observer: Observer,
) -> Pilot:
    """A trial of each model with each strategy, `repeats` times with seeds of their own, under the options' budget.

    The trials are ordinary runs that are left before they close: no hold-out is opened, and each can be resumed to its
    verdict.

    Args:
        models: As `RunOptions.model`; an empty name stands for the options' own generator.

    Raises:
        ConfigError: There is nothing to compare, or a name is unknown.
    """
    pairs = list(itertools.product(models or [options.model or ""], strategies or [options.strategy]))
    if len(pairs) < 2:
        raise ConfigError("a pilot compares; name at least two models, or two strategies")
    trials = []
    for number, (model, strategy) in itertools.product(range(repeats), pairs):
        changed = {"model": model or None, "strategy": strategy, "seed": options.seed + number}
        trials.append(_trial(options.model_copy(update=changed), runs, observer))
    return _recommended(trials)


def _trial(options: RunOptions, runs: Path | None, observer: Observer) -> Trial:
    watching = _UntilClosing(observer)
    with contextlib.suppress(_SearchEndedError):
        run(options, runs=runs, observer=watching)
    seen = view(watching.run_id, runs)
    answers = [one for one in seen.candidates if one.operator not in (SEED, IMPORT)]
    no_fault = (FailureKind.DUPLICATE, FailureKind.NOTE)
    failed = [one for one in answers if isinstance(one.outcome, Failed) and one.outcome.kind not in no_fault]
    price = price_of_improvement(seen)
    ledger = seen.ledger
    return Trial(
        run_id=watching.run_id,
        model=options.model or options.generator_name,
        strategy=options.strategy,
        seed=options.seed,
        evaluations=ledger.evaluations,
        percent=price.percent if price is not None else 0.0,
        failed=len(failed) / len(answers) if answers else 0.0,
        cost_usd=None if ledger.unpriced_calls else ledger.cost_usd,
    )


def _recommended(trials: Sequence[Trial]) -> Pilot:
    """The pair with the largest median improvement; of equals the cheaper one."""
    pairs: dict[tuple[str, str], list[Trial]] = {}
    for trial in trials:
        pairs.setdefault((trial.model, trial.strategy), []).append(trial)

    def rank(pair: tuple[str, str]) -> tuple[float, float]:
        found = pairs[pair]
        return statistics.median(one.percent for one in found), -sum(one.cost_usd or 0.0 for one in found)

    best = max(pairs, key=rank)
    worst = min(one.percent for one in pairs[best])
    others = [one.percent for pair, found in pairs.items() if pair != best for one in found]
    return Pilot(trials=tuple(trials), model=best[0], strategy=best[1], clear=all(worst > other for other in others))
